package sqllint

import (
	"maps"
	"slices"
)

// Refusal is an entry of the lists of what is refused.
type Refusal struct {
	// Kind is function, word, symbol, clock, construct, call or cast.
	Kind string
	// Key is what [Problem.Key] gives; What shows it.
	Key, What string
	// Message names the portable form.
	Message string
}

// Functions returns the allowed functions, in the order of the list.
func Functions() []Function { return slices.Clone(functions) }

// Types returns the types that a cast may name.
func Types() []Function { return slices.Clone(types) }

// Refusals returns everything that is refused by name: functions, words,
// symbols and clocks, sorted, then the rules.
func Refusals() []Refusal {
	var list []Refusal
	for _, key := range slices.Sorted(maps.Keys(instead)) {
		list = append(list, Refusal{"function", key, key, instead[key]})
	}
	for _, key := range slices.Sorted(maps.Keys(refusedWords)) {
		list = append(list, Refusal{"word", key, key, refusedWords[key]})
	}
	for _, key := range slices.Sorted(maps.Keys(refusedSymbols)) {
		list = append(list, Refusal{"symbol", key, key, refusedSymbols[key]})
	}
	for _, key := range clocks {
		list = append(list, Refusal{"clock", key, key, "write $window_start and $window_end"})
	}
	for _, r := range constructs {
		list = append(list, Refusal{"construct", r.key, r.what, r.message})
	}
	for _, r := range calls {
		list = append(list, Refusal{"call", r.key, r.what, r.message})
	}
	for _, r := range casts {
		list = append(list, Refusal{"cast", r.key, r.what, r.message})
	}
	return append(list, Refusal{"function", unlisted, unlisted, "only the functions above are known to mean the same"})
}
