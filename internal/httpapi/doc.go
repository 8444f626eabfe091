// Package httpapi is everything of kmstrail serve that is asked over HTTP:
// health, metrics, the status page, reports, and the API for all that changes a
// store.
//
// There is one table of routes ([routes]): the multiplexer, the rights, the
// OpenAPI description, the page docs/http-api.md and the tests are made of it.
// Work that takes long is a job ([jobs]): a request starts it, others ask how
// far it is.
//
// Who asks is decided by package access. What a browser may be tricked into is
// refused here: requests from pages of others, and names that are not this
// machine's.
package httpapi
