package dossier

// The limits keep a page readable, whatever the store holds.
const (
	maxRows       = 50  // of a list on a page; the command beside it gives the rest
	maxTerminal   = 10  // of them in a terminal
	maxBars       = 62  // bars of the chart
	maxNews       = 5   // differences of one kind
	maxCandidates = 8   // what a name may have meant
	maxColumns    = 140 // of a page in a terminal
)
