package frames

// Conversion says what becomes of a type.
type Conversion struct {
	// SQL is the type's name in DuckDB, Arrow the type on the wire, Field the
	// type of Grafana's field.
	SQL, Arrow, Field string
	// Note says what is not self-evident.
	Note string
}

// Conversions lists what becomes of each type of DuckDB.
func Conversions() []Conversion { return nil }
