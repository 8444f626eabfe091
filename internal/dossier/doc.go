// Package dossier puts together what a store knows about one key, one
// principal or one resource, as a page for people or programs.
//
// [FindKey], [FindPrincipal] and [FindResource] say whom a name means. [Key],
// [Principal] and [Resource] read the store, mostly through the named queries,
// and return one plain value. It is the JSON page as it is; for the terminal
// and for HTML it is laid out as a document of facts, tables and findings,
// which look, escape and cut like the report.
//
// Text from logs is hostile. The values keep it as it is, so that JSON is
// exact; the pages for people clean it where they write it.
package dossier
