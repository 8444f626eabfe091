package report

// The limits keep a report readable and a page under about 2 MB, whatever the
// store holds.
const (
	maxPerDetector    = 20  // findings shown of one detector
	maxFindings       = 120 // findings shown in all
	maxSuppliedIDs    = 20  // event ids of one finding
	maxWithdrawn      = 10  // findings that later data contradicts
	maxAccounts       = 40  // rows of the account table and the coverage map
	maxColumns        = 62  // columns of the coverage map and bars of the chart
	maxGaps           = 10  // stretches without logs
	maxFailedObjects  = 10  // log objects that could not be read
	maxReasons        = 12  // quarantine reasons
	maxUnknownReasons = 6   // reasons for UNKNOWN
	maxTop            = 8   // keys, callers, services, operations
	maxRates          = 12  // request rates
	maxDetails        = 22  // further columns of one finding
	maxRegions        = 40
	maxSources        = 5

	maxText = 400 // characters of one value from a log, in formats for people
)
