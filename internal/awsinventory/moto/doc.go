// Package moto holds tests of the inventory, and of queues, against moto, an
// emulator of AWS that others wrote and that speaks AWS's APIs over HTTP. They run
// the built program.
//
//	make test-inventory
//
// installs moto once, into a cache outside the repository. What it lacks
// (GetKeyLastUsage, the quotas of KMS) is answered from recorded pages, by a proxy
// before it, which also throttles, denies and counts.
package moto
