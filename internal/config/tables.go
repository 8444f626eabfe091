package config

import (
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/schema"
)

// TableRows are all rows of one table of the store.
type TableRows struct {
	Table *schema.Table
	// Rows has a value per column, as schema.Rows takes them.
	Rows [][]any
}

// Tables returns all rows of the tables that hold configuration: accounts,
// trust_rules, context_rules, rotation_policy, what standards says, and quotas
// and prices with AWS's published defaults.
func (c Config) Tables() []TableRows {
	return []TableRows{
		{&schema.Accounts, c.accountRows()},
		{&schema.TrustRules, c.trustRows()},
		{&schema.ContextRules, c.contextRows()},
		{&schema.RotationPolicy, c.rotationRows()},
		{&schema.Quotas, append(schema.DefaultQuotas(), c.quotaRows()...)},
		{&schema.Prices, schema.DefaultPrices()},
		{&schema.KeyStandards, c.Standards.rows()},
		{&schema.ExpectedKeys, c.Standards.expectedKeyRows()},
		{&schema.Environments, c.Standards.environmentRows()},
	}
}

func (c Config) accountRows() [][]any {
	var rows [][]any
	for id, name := range c.Accounts {
		rows = append(rows, []any{id, orNull(name), nil})
	}
	slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) })
	return rows
}

func (c Config) trustRows() [][]any {
	var rows [][]any
	for _, id := range c.TrustedAccounts {
		rows = append(rows, []any{id, nil, nil, nil, nil, "trusted_accounts"})
	}
	for _, t := range c.Trust {
		rows = append(rows, []any{
			t.Account, orNull(t.Key), orNull(likePattern(t.Alias)), orNull(t.TagKey), orNull(t.TagValue), orNull(t.Reason),
		})
	}
	return rows
}

func (c Config) contextRows() [][]any {
	var rows [][]any
	for i, r := range c.ContextRules {
		rows = append(rows, []any{
			int64(i + 1), r.Kind, r.ContextKey, orNull(r.TagKey), r.Comparison, orNull(r.Key), orNull(likePattern(r.Alias)),
		})
	}
	return rows
}

func (c Config) rotationRows() [][]any {
	var rows [][]any
	for _, p := range c.RotationPolicy {
		var days any
		if p.Rotation != rotationNone {
			days = int64(p.Days)
		}
		rows = append(rows, []any{orNull(p.DataClass), p.Rotation, days})
	}
	return rows
}

// quotaRows are the overrides.
func (c Config) quotaRows() [][]any {
	var rows [][]any
	for _, q := range c.Quotas {
		rows = append(rows, []any{q.Quota, orNull(q.Account), orNull(q.Region), q.PerSecond, "override"})
	}
	return rows
}

// likePattern turns the configuration's * into SQL's %.
func likePattern(s string) string { return strings.ReplaceAll(s, "*", "%") }

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
