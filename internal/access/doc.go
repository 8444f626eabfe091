// Package access says who may ask a server what.
//
// [Tokens] keeps named tokens, each with a [Role] and an end, in a file beside
// the store that holds only their hashes. [Guard] turns what a client sends into
// a [Principal], and bounds how often it may send something wrong. [Local] does
// it for the unix sockets, where the system says who asks. [Audit] writes down
// who asked what. [Redact] and [RedactHandler] keep tokens out of everything
// that is written.
//
// The package knows neither HTTP nor gRPC, neither the store nor SQL: the
// servers call it.
package access
