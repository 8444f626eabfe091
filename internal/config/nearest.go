package config

import "strings"

// Nearest returns the known word closest to word, or "" when none is close
// enough to be what was meant.
func Nearest(word string, known []string) string {
	best, bestDistance := "", 1+max(2, len(word)/3)
	for _, k := range known {
		d := distance(strings.ToLower(word), strings.ToLower(k))
		if d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// didYouMean is a sentence for the end of a message about an unknown word.
func didYouMean(word string, known []string) string {
	if n := Nearest(word, known); n != "" {
		return "; did you mean " + n + "?"
	}
	return "; known are " + strings.Join(known, ", ")
}
