// Package config reads what the operator has decided: kmstrail.yaml, KMSTRAIL_*
// variables and flags, in rising precedence.
//
// [Load] returns a [Config] that is complete (defaults filled in) and valid,
// or an [*Error] that lists every problem with the place it comes from and
// what to do. Nothing is ignored: an unknown key, an unknown KMSTRAIL_
// variable or a key given twice is an error that names the nearest known one,
// because a misspelt trusted_accounts would change findings without a word.
//
// Every value remembers its [Origin], which `kmstrail config show` prints.
// Scalars are taken from the text of the file, not from YAML's idea of their
// type, so that the account id 012345678901 stays what was written.
//
// The package knows nothing of the store; [Config.Tables] gives the rows that
// others write to it.
package config
