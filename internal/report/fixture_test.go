package report

import (
	"fmt"
	"strings"
	"time"
)

// The fixtures are reports built by hand, so that no test here needs a store.

func at(day, hour, minute int) time.Time {
	return time.Date(2026, 9, day, hour, minute, 0, 0, time.UTC)
}

func pointer(t time.Time) *time.Time { return &t }

func fixtureNames() map[string]string {
	return map[string]string{
		"111122223333": "payments-prod", "444455556666": "analytics", "123456789012": "security",
		"777788889999": "shared-services", "555555555555": "web-prod", "999999999999": "partner-sandbox",
	}
}

func fixtureDetectors() []Detector {
	return []Detector{
		{
			ID: "pending_deletion_key_use", Title: "A key that is scheduled for deletion is still in use", Severity: "critical", Version: 1,
			Description:    "A caller used a KMS key, or tried to, while the key was waiting to be deleted.",
			Why:            "When the waiting period ends the key is gone for good, and so is everything that only it can decrypt. A refused call is the last warning that something still depends on it.",
			Source:         "https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
			BlindSpots:     []string{"Data that nobody reads during the waiting period makes no call.", "Deletions scheduled before the logs are known only from the error text."},
			FalsePositives: []string{"A backup job tries every key it finds."},
			Triage:         []string{"Ask the caller's owner what the data is: `kmstrail query key_callers --param key_arn=ARN`.", "Cancel the deletion, then disable the key instead and watch for a month.", "Re-encrypt what is still needed before you schedule it again."},
			Mappings:       []string{"ATT&CK T1485", "Security Hub KMS.3"},
		},
		{
			ID: "cross_account_decrypt", Title: "An account that is not trusted uses a key", Severity: "high", Version: 1,
			Description:    "A principal of an account that neither owns the key nor is listed in `trusted_accounts` called Decrypt, ReEncrypt or another operation with it.",
			Why:            "Whoever may decrypt with a key reads the data under it. An account outside the list is either a forgotten partner or a leak.",
			Source:         "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html",
			BlindSpots:     []string{"A denied attempt is logged in the caller's account only."},
			FalsePositives: []string{"A partner that is not in `trusted_accounts` yet."},
			Triage:         []string{"Look the account up and ask who agreed to its use of the key.", "Read the key policy and the grants of the key."},
			Mappings:       []string{"Well-Architected SEC08-BP04"},
		},
		{
			ID: "encryption_context_tag_mismatch", Title: "Encryption context and key tags disagree", Severity: "medium", Version: 1,
			Description: "The encryption context of a call names something else than the tags that the key had at that moment.",
			Why:         "The context says what the data is, the tags say what the key is for. Where they differ, data of one tenant lies under the key of another.",
			BlindSpots:  []string{"Tags set before the logs begin are not known."},
			Triage:      []string{"Compare context and tags in the details below."},
		},
		{
			ID: "request_rate_near_quota", Title: "Request rate is near the KMS quota", Severity: "medium", Version: 1,
			Description: "An account came near to its KMS request quota in a Region.",
			Why:         "Above the quota KMS refuses calls of every workload in the account and Region, not only of the one that is too fast.",
			BlindSpots:  []string{"CloudTrail gives whole seconds and not every throttled call."},
			Triage:      []string{"Use data key caching or S3 Bucket Keys for the busiest caller.", "Ask for a higher quota."},
		},
	}
}

func keyARN(account, region string, n int) string {
	return fmt.Sprintf("arn:aws:kms:%s:%s:key/%08x-1111-4222-8333-%012x", region, account, n*7919, n)
}

func fixtureFindings() []Finding {
	regions := []string{"eu-central-1", "us-east-1", "eu-west-1"}
	accounts := []string{"111122223333", "444455556666", "555555555555", "777788889999"}
	var out []Finding
	add := func(detector, severity, summary string, n int, details map[string]any, remedy string) {
		account, region := accounts[n%len(accounts)], regions[n%len(regions)]
		f := Finding{
			ID: fmt.Sprintf("%08x-0000-5000-8000-%012x", n, n*31), DetectorID: detector, Status: "new", Severity: severity,
			AccountID: account, Region: region, KeyARN: keyARN(account, region, n),
			PrincipalARN: "arn:aws:iam::" + account + ":role/service/orders-" + strings.Repeat("worker", n%2+1),
			FirstSeen:    at(1+n%20, n%24, 17), LastSeen: at(3+n%20, (n*5)%24, 44), EventCount: int64(3 + n*n*17),
			Summary: summary, Details: details, Remedy: remedy,
		}
		for i := range 7 {
			f.EventIDs = append(f.EventIDs, fmt.Sprintf("%08x-%04x-4aaa-9bbb-%012x", n*65537, i, n*i))
			f.LogFiles = append(f.LogFiles, fmt.Sprintf("s3://example-org-cloudtrail/AWSLogs/o-exampleorgid/%s/CloudTrail/%s/2026/09/%02d/%s_CloudTrail_%s_202609%02dT041%dZ_x1KQ3d1yYqSxQm%02d.json.gz#%d",
				account, region, 1+n%20, account, region, 1+n%20, i*(n%3)/2, n, i*3))
		}
		switch n {
		case 1: // an older finding, of which it is not known
			f.LogFiles = nil
		case 3:
			f.Status, f.StatusReason = "in_progress", "Asked the partner, ticket 4711."
		case 4:
			f.LogFiles[1] = ""
		}
		out = append(out, f)
	}
	for n := range 3 {
		add("pending_deletion_key_use", "critical", fmt.Sprintf("role/service/orders-worker used a key that will be deleted in %d days: %d calls were refused", 9-n, 3+n*n*17), n,
			map[string]any{"days_left": int64(9 - n), "operation": "Decrypt", "service": "s3", "resource": "arn:aws:s3:::orders-archive/2024/part-0001.parquet", "scheduled_by": "arn:aws:iam::111122223333:role/Admin", "deletion_date": "2026-10-05 00:00:00"},
			"aws kms cancel-key-deletion --region "+regions[n%3]+" --key-id "+keyARN(accounts[n%4], regions[n%3], n)+"\naws kms disable-key --region "+regions[n%3]+" --key-id "+keyARN(accounts[n%4], regions[n%3], n))
	}
	for n := 3; n < 9; n++ {
		add("cross_account_decrypt", "high", "Account 999999999999 decrypted with a key of "+accounts[n%4]+" and is not trusted", n,
			map[string]any{"caller_account_id": "999999999999", "operations": []any{"Decrypt", "DescribeKey"}, "denied_count": int64(n), "source_ip_address": "203.0.113.77", "user_agent": "aws-cli/2.15.0 Python/3.11.6"},
			"aws kms get-key-policy --region eu-central-1 --policy-name default --key-id "+keyARN(accounts[n%4], regions[n%3], n))
	}
	for n := 9; n < 34; n++ {
		add("encryption_context_tag_mismatch", []string{"medium", "low"}[n/24], fmt.Sprintf("Context tenant=blue, but the key is tagged tenant=green (%d calls)", n*3), n,
			map[string]any{"context_key": "tenant", "context_value": "blue", "tag_value": "green", "rule": "equal"}, "")
	}
	out = append(out, Finding{ID: "ffff", DetectorID: "cross_account_decrypt", Status: "suppressed", Severity: "high", AccountID: "111122223333", Summary: "wanted"})
	for n := range maxWithdrawn + 2 {
		out = append(out, Finding{
			ID: fmt.Sprintf("%04x", n), DetectorID: "pending_deletion_key_use", Status: withdrawn, Severity: "critical",
			StatusReason: "The deletion had been cancelled before: a log file that came later says so.",
			AccountID:    accounts[n%4], Region: regions[n%3], KeyARN: keyARN(accounts[n%4], regions[n%3], n), FirstSeen: at(2, n, 0), LastSeen: at(2, n, 0),
			EventCount: 1, Summary: fmt.Sprintf("role/service/batch-%d used a key that will be deleted", n),
		})
	}
	return out
}

// fixture is a month of six accounts with findings, gaps and failures.
func fixture() *Report {
	names := fixtureNames()
	r := &Report{
		FormatVersion: FormatVersion, Title: DefaultTitle, Version: "0.1.0", GeneratedAt: at(30, 7, 5).AddDate(0, 0, 1),
		Window: Window{Start: at(1, 0, 0), End: at(1, 0, 0).AddDate(0, 1, 0)},
		Scope: Scope{
			Sources: []string{"s3://example-org-cloudtrail"}, SourceCount: 1, Regions: []string{"eu-central-1", "eu-west-1", "us-east-1"}, RegionCount: 3, AccountCount: 6,
			LogFiles: 8123, LogBytes: 48_211_904, FailedObjects: 2, Records: 201_774, KMSRecords: 64_209, DuplicateRecords: 311, Quarantined: 14,
			Calls: 63_120, SelfCalls: 96, FirstCall: pointer(at(1, 0, 1)), LastCall: pointer(at(30, 23, 58)),
			StoredRecords: 64_209, StoredFirst: pointer(at(1, 0, 1)), StoredLast: pointer(at(30, 23, 58)),
		},
	}
	fillCoverage(r, names)
	fillActivity(r, names)
	r.Findings = groupFindings(fixtureDetectors(), fixtureFindings(), names)
	last := map[string]Outcome{}
	for _, d := range fixtureDetectors() {
		last[d.ID] = Outcome{RanAt: pointer(at(30, 7, 4)), Window: r.Window, DurationMS: 412, Params: "{}"}
	}
	r.Verdicts = fixtureVerdicts()
	r.Detectors = outcomes(r, fixtureDetectors(), last)
	r.complete(fixtureFindings())
	return r
}

// fixtureVerdicts has a failing, an unknown and a passing detector and some
// accounts of each kind.
func fixtureVerdicts() Verdicts {
	var list []DetectorVerdicts
	for i, d := range fixtureDetectors() {
		v := newDetectorVerdicts(d.ID, fixtureDetectors())
		for j, account := range []string{"111122223333", "444455556666", "555555555555", "777788889999"} {
			for k, region := range []string{"eu-central-1", "us-east-1"} {
				p := PlaceVerdict{AccountID: account, Region: region, Verdict: pass}
				switch {
				case i < 2 && j == i+k:
					p.Verdict, p.Reason = fail, "open findings: 2; days without logs: 4"
				case j == 3 && k == 0:
					p.Verdict, p.Reason = unknown, "days without logs: 4"
				case j == 2 && i != 3:
					p.Verdict, p.Reason = unknown, "days without logs: 1; days whose logs lack KMS records: 3"
				case i == 3:
					p.Verdict, p.Reason = unknown, "days the detector did not run on: 30; no KMS record arrived: nothing was used, or the trail leaves KMS out"
				}
				v.Places = append(v.Places, p)
			}
		}
		list = append(list, *v)
	}
	list[0].Places = append(list[0].Places, PlaceVerdict{AccountID: "999999999999", Region: "us-east-1", Verdict: fail, Reason: "open findings: 1; no logs of this account and Region are read"})
	return newVerdicts(list)
}

func fillCoverage(r *Report, names map[string]string) {
	c := &r.Coverage
	b := builder{r: r}
	c.Days, c.DaysPerColumn = b.columns()
	c.AccountRegionDays = map[CoverageState]int64{Observed: 512, Silent: 19, Gap: 5, Excluded: 4}
	rows := map[string]*CoverageRow{}
	for i, id := range []string{"111122223333", "444455556666", "123456789012", "777788889999", "555555555555", "999999999999"} {
		line := &CoverageRow{AccountID: id, AccountName: names[id]}
		for d := range c.Days {
			cell := CoverageCell{State: Observed, LogFiles: int64(40 + d%5), KMSRecords: int64((d*d*13+i*29)%400)<<(2*(5-i)) + 3}
			switch {
			case i == 3 && d > 11 && d < 16:
				cell = CoverageCell{State: Gap}
			case i == 4 && d > 20 && d < 24:
				cell = CoverageCell{State: Excluded, LogFiles: 44}
			case i == 5 && d < 8:
				cell = CoverageCell{}
			case i > 3 && d%9 == 2:
				cell = CoverageCell{State: Silent, LogFiles: 12}
			case i == 1 && d == 18:
				cell.FailedFiles = 2
			case i == 0 && d == 9:
				cell.Quarantined = 14
			}
			line.Cells = append(line.Cells, cell)
		}
		rows[id] = line
		r.Scope.Accounts = append(r.Scope.Accounts, Account{ID: id, Name: names[id], Regions: 3, LogFiles: int64(2100 - 300*i), Records: int64(90_000 >> i), KMSRecords: int64(31_000 >> i)})
	}
	c.Rows, c.OmittedRows = mapRows(rows)
	c.Delays = []Delay{{5, 20_112}, {10, 41_003}, {15, 2_871}, {30, 180}, {60, 22}, {180, 9}, {1440, 5}, {10080, 1}, {0, 6}}
	c.Gaps = []CoverageGap{
		{AccountID: "777788889999", AccountName: names["777788889999"], Region: "us-east-1", FirstDay: "2026-09-13", LastDay: "2026-09-16", Days: 4, State: Gap, Reason: "No log file was delivered: either nothing happened or logs are missing."},
		{AccountID: "555555555555", AccountName: names["555555555555"], Region: "eu-west-1", FirstDay: "2026-09-22", LastDay: "2026-09-24", Days: 3, State: Excluded, Reason: "Many records but no KMS record, though this account uses KMS: the trail may exclude KMS events."},
	}
	c.OmittedGaps = 2
	c.Failed = []FailedObject{
		{Source: "s3://example-org-cloudtrail", Key: "AWSLogs/o-exampleorgid/444455556666/CloudTrail/eu-central-1/2026/09/19/444455556666_CloudTrail_eu-central-1_20260919T0410Z_x1KQ3d1yYqSxQmFZ.json.gz", Status: "quarantined", Error: "gunzip: unexpected end of data after 4,096 bytes", Attempts: 1},
		{Source: "s3://example-org-cloudtrail", Key: "AWSLogs/o-exampleorgid/444455556666/CloudTrail/eu-central-1/2026/09/19/444455556666_CloudTrail_eu-central-1_20260919T0415Z_Pm2hKq91LdXa0Zbe.json.gz", Status: "failed", Error: "read object: access denied: the role may not use the key of the bucket", Attempts: 3},
	}
	c.Quarantine = []QuarantineReason{
		{Reason: "duplicate_context_key", Count: 11, Example: "encryption context has the key tenant twice", ExampleKey: "AWSLogs/a.json.gz"},
		{Reason: "no_event_id", Count: 3, Example: "record has no eventID", ExampleKey: "AWSLogs/b.json.gz"},
	}
}

func fillActivity(r *Report, names map[string]string) {
	a := &r.Activity
	a.DaysPerBar = r.Coverage.DaysPerColumn
	for i, d := range r.Coverage.Days {
		o := Outcomes{OK: int64(1500 + (i*i*37)%900), Denied: int64(i % 7 * 9), DryRun: int64(i % 3)}
		if i == 17 {
			o.OK, o.Throttled, o.Failed = 3900, 420, 33
		}
		a.Days = append(a.Days, DayOutcomes{Day: d, Outcomes: o})
		a.Total = a.Total.add(o)
	}
	r.Scope.Calls = a.Total.Sum()
	for i := range maxTop {
		arn := keyARN("111122223333", "eu-central-1", i+1)
		label := []string{"alias/orders", "alias/payments-ledger", "", "alias/analytics-lake", "", "alias/aws/s3", "alias/logs", ""}[i]
		a.Keys = append(a.Keys, Count{Name: arn, Label: label, Count: int64(18_000 >> i), Failures: int64(i * 3)})
		a.Callers = append(a.Callers, Count{Name: fmt.Sprintf("arn:aws:iam::444455556666:role/service/etl-%d", i), Count: int64(14_200 >> i), Failures: int64(i)})
	}
	a.Services = []Count{{Name: "s3", Count: 31_400, Failures: 44}, {Name: "", Count: 12_008, Failures: 402}, {Name: "secretsmanager", Count: 5120}, {Name: "ebs", Count: 820}, {Name: "ssm", Count: 240, Failures: 1}}
	a.Operations = []Count{{Name: "Decrypt", Count: 40_122, Failures: 431}, {Name: "GenerateDataKey", Count: 15_777}, {Name: "DescribeKey", Count: 3001}, {Name: "CreateGrant", Count: 900}, {Name: "ReEncrypt", Count: 212, Failures: 3}}
	a.KeyCount, a.CallerCount, a.ServiceCount, a.OperationCount = 83, 141, 4, 22
	a.Rates = []Rate{
		{AccountID: "444455556666", AccountName: names["444455556666"], Region: "eu-central-1", QuotaName: "cryptographic_symmetric", Quota: 20000, Peak: 20400, PeakAt: at(18, 3, 12), SecondsNear: 41, Throttled: 420},
		{AccountID: "111122223333", AccountName: names["111122223333"], Region: "us-east-1", QuotaName: "create_grant", Quota: 50, Peak: 43, PeakAt: at(4, 12, 0), SecondsNear: 2},
		{AccountID: "555555555555", AccountName: names["555555555555"], Region: "eu-west-1", QuotaName: "generate_data_key_pair_rsa_4096", Quota: 0.5, Peak: 0, PeakAt: at(9, 1, 30)},
		{AccountID: "777788889999", AccountName: names["777788889999"], Region: "eu-west-1", QuotaName: "custom_key_store", CustomKeyStoreID: "cks-1234567890abcdef0", Quota: 1800, Peak: 212, PeakAt: at(21, 9, 0)},
		{AccountID: "123456789012", Region: "ap-south-2", QuotaName: "sign", Quota: 0, Peak: 3, PeakAt: at(2, 2, 2)},
	}
	a.OmittedRates = 37
	a.KeyStates = []Count{{Name: "", Count: 71}, {Name: "Enabled", Count: 9}, {Name: "PendingDeletion", Count: 2}, {Name: "Disabled", Count: 1}}
}

// emptyFixture has nothing, for one reason or another.
func emptyFixture(reason EmptyReason) *Report {
	r := &Report{FormatVersion: FormatVersion, Title: DefaultTitle, GeneratedAt: at(30, 7, 5), Empty: reason}
	r.Findings = groupFindings(nil, nil, nil)
	r.Coverage.AccountRegionDays = map[CoverageState]int64{}
	r.Coverage.DaysPerColumn, r.Activity.DaysPerBar = 1, 1
	if reason != NothingIngested {
		r.Window = Window{Start: at(1, 0, 0), End: at(8, 0, 0)}
		r.Scope.LogFiles, r.Scope.LogBytes, r.Scope.Records, r.Scope.AccountCount, r.Scope.RegionCount = 120, 88_000, 5120, 1, 1
		r.Scope.Accounts = []Account{{ID: "111122223333", Regions: 1, LogFiles: 120, Records: 5120}}
	}
	if reason == NoneInWindow {
		r.Scope.StoredRecords, r.Scope.StoredFirst, r.Scope.StoredLast = 412, pointer(at(10, 4, 5)), pointer(at(12, 9, 1))
	}
	r.complete(nil)
	return r
}

// hostile is text that wants out of every format.
func hostile() string {
	return "<script>alert('x')</script>\"'`${7*7}{{.}} [a](javascript:alert(1)) |x| @everyone\x1b[31mred\x1b]8;;http://example.com\x07\u202Egnp.exe\u2066\u0000\r\n# Head\xff --> ]]> %s " + strings.Repeat("k", 300)
}

// hostileFixture has that text wherever text of a log can come.
func hostileFixture() *Report {
	h := hostile()
	names := map[string]string{h: h, "111122223333": h}
	r := fixture()
	findings := []Finding{}
	for i, id := range []string{"cross_account_decrypt", h} {
		findings = append(findings, Finding{
			ID: h, DetectorID: id, Severity: []string{"high", h}[i], AccountID: h, Region: h, KeyARN: h, KeyAliases: h, PrincipalARN: h,
			FirstSeen: at(1, 0, 0), LastSeen: at(1, 0, 0), EventCount: 1, EventIDs: []string{h, "$(reboot)"}, Summary: h, Remedy: h + "\n" + h,
			Status: []string{"in_progress", ""}[i], StatusReason: h, LogFiles: []string{h + "#1", h},
			Details: map[string]any{h: h, "list": []any{h, h}, "map": map[string]any{h: h}, "rtl": "שלום עולם مرحبا", "wide": "日本語のキー"},
		})
	}
	gone := findings[0]
	gone.Status = withdrawn
	findings = append(findings, gone)
	d := Detector{ID: h, Title: h, Description: h, Why: h, Source: "javascript:alert(1)", BlindSpots: []string{h}, FalsePositives: []string{h}, Triage: []string{h}, Mappings: []string{h}}
	r.Findings = groupFindings(append(fixtureDetectors(), d), findings, names)
	r.Detectors = outcomes(r, []Detector{d}, map[string]Outcome{h: {RanAt: pointer(at(1, 0, 0)), Error: h, Params: h}})
	r.Verdicts = newVerdicts([]DetectorVerdicts{{DetectorID: h, Title: h, Severity: h, Places: []PlaceVerdict{
		{AccountID: h, Region: h, Verdict: unknown, Reason: h}, {AccountID: h, Region: "us-east-1", Verdict: fail, Reason: h},
	}}})
	r.Title, r.Version = h, h
	r.Scope.Sources, r.Scope.Regions = []string{h}, []string{h}
	r.Scope.Accounts[0].Name, r.Scope.Accounts[0].ID = h, h
	r.Coverage.Rows[0].AccountName = h
	r.Coverage.Gaps[0].Region, r.Coverage.Gaps[0].Reason, r.Coverage.Gaps[0].AccountName = h, h, h
	r.Coverage.Failed[0].Key, r.Coverage.Failed[0].Error = h, h
	r.Coverage.Quarantine[0].Reason, r.Coverage.Quarantine[0].Example = h, h
	a := &r.Activity
	a.Keys[0].Name, a.Keys[0].Label, a.Callers[0].Name, a.Services[0].Name, a.Operations[0].Name = h, h, h, h, h
	a.Rates[0].AccountName, a.Rates[0].Region, a.Rates[0].QuotaName = h, h, h
	return r
}

// manyFixture has 10,000 findings of two detectors.
func manyFixture() *Report {
	r := fixture()
	var findings []Finding
	few := fixtureFindings()
	details := map[string]any{}
	for c := range 40 {
		details[fmt.Sprintf("column_%02d", c)] = strings.Repeat("<&>", 300)
	}
	for i := range 10_000 {
		f := few[i%9]
		f.ID = fmt.Sprintf("%08x-0000-5000-8000-000000000000", i)
		f.Details = details
		findings = append(findings, f)
	}
	r.Findings = groupFindings(fixtureDetectors(), findings, fixtureNames())
	var verdicts []DetectorVerdicts
	for i := range 25 {
		d := DetectorVerdicts{DetectorID: fmt.Sprintf("detector_%d", i), Title: strings.Repeat("long ", 20)}
		for j := range 2000 {
			d.Places = append(d.Places, PlaceVerdict{AccountID: fmt.Sprintf("%012d", j/20), Region: fmt.Sprintf("region-%d", j%20), Verdict: unknown, Reason: fmt.Sprintf("reason number %d that is as long as real ones: 3; days: 3", j%30)})
		}
		verdicts = append(verdicts, d)
	}
	r.Verdicts = newVerdicts(verdicts)
	return r
}

// quietFixture has whole logs and no finding.
func quietFixture() *Report {
	r := fixture()
	c := &r.Coverage
	for i := range c.Rows {
		for d := range c.Rows[i].Cells {
			c.Rows[i].Cells[d] = CoverageCell{State: Observed, LogFiles: 40, KMSRecords: int64(100 * (d + 1))}
		}
	}
	c.AccountRegionDays = map[CoverageState]int64{Observed: 540}
	c.Gaps, c.OmittedGaps, c.Failed, c.Quarantine = nil, 0, nil, nil
	r.Scope.FailedObjects, r.Scope.Quarantined = 0, 0
	r.Findings = groupFindings(fixtureDetectors(), nil, nil)
	for i := range r.Verdicts.Detectors {
		d := &r.Verdicts.Detectors[i]
		d.Pass, d.Fail, d.Unknown = 0, 0, 0
		for j := range d.Places {
			d.Places[j].Verdict, d.Places[j].Reason = pass, ""
		}
	}
	r.Verdicts = newVerdicts(r.Verdicts.Detectors)
	last := map[string]Outcome{}
	for _, d := range fixtureDetectors()[1:] {
		last[d.ID] = Outcome{RanAt: pointer(at(30, 7, 4)), Window: r.Window, DurationMS: 412, Params: "{}"}
	}
	r.Detectors = outcomes(r, fixtureDetectors(), last)
	r.complete(nil)
	return r
}
