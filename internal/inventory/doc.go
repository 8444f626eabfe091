// Package inventory is what an inventory of KMS keys says, however it was taken:
// the kinds of records there are, the files they can be imported from, and what
// is wrong with one.
//
// A [Record] has a value per column of the table of its kind (schema.InventoryKeys
// and its sisters); a column that it lacks is not known. [Kind.Row] checks a record
// and fills in what follows from it, so that a file, a sync and a request over the
// network are judged by the same rules.
//
// Files are read whole before anything is stored: [Read] returns all records, or
// errors that say file, line and field. Text is only ever text: a formula or
// markup in a tag or description is kept as it is, and escaped by whoever shows it.
package inventory
