// Package organisation makes the events of an organisation of 40 accounts in 4
// Regions, with about 2,000 keys and 600 principals, for measuring: few accounts
// and callers make most calls, more by day than by night; log files hold 5 to
// 500 records, two in a thousand of them late by up to six hours. In a thousand
// records 5 change keys, aliases or (mostly) grants, 30 read about keys, 20 are
// the two copies of calls on another account's key, and about 10 are of calls
// that failed. Every id is new.
package organisation
