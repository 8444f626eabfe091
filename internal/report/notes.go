package report

import "fmt"

// notes says how the numbers came about and what they cannot tell. Text in
// backquotes is code.
func notes() []string {
	return []string{
		"All times are UTC. A period includes its first moment and excludes its last; an event belongs to the period in which it happened, whenever its log file was delivered.",
		"A call that CloudTrail delivered twice, or logged in the caller's and in the key owner's account, counts once. Where the logs of both sides have holes at different calls of one day, the counts are a little low.",
		"CloudTrail does not log every refused or throttled request, and gives whole seconds: request rates and error counts are lower bounds.",
		"Logs arrive minutes to hours late. The last hours of a period that ends now may still grow.",
		"A call that was refused in another account's trail cannot be seen when that account's logs were not read.",
		fmt.Sprintf("Long lists are cut: at most %d findings of one detector and %d in all, %d accounts, %d days or columns. Counts are always over everything. `kmstrail detect --format jsonl` and `kmstrail sql` give the rest.", maxPerDetector, maxFindings, maxAccounts, maxColumns),
		"User agents, encryption contexts, names and error messages come from the logs, which callers can influence. Control and direction characters are replaced by \uFFFD, long values are cut in the middle.",
	}
}
