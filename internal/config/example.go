package config

import _ "embed" // for the example file

//go:embed example.yaml
var example string

// Example returns a kmstrail.yaml in which every key is explained and
// commented out.
func Example() string { return example }
