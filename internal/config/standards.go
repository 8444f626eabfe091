package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Standards is what the organisation asks of its keys. What is empty is not
// asked.
type Standards struct {
	Aliases AliasNames `yaml:"aliases"`
	// RequireAlias and RequireDescription ask every new key to have one.
	RequireAlias       bool `yaml:"require_alias"`
	RequireDescription bool `yaml:"require_description"`
	// Origins, Specs, Regions and Accounts are those approved for new keys.
	Origins  []string `yaml:"origins" kind:"key_origin"`
	Specs    []string `yaml:"specs" kind:"key_spec"`
	Regions  []string `yaml:"regions" kind:"region"`
	Accounts []string `yaml:"accounts" kind:"account"`
	// ForbidMultiRegion asks that keys stay in their Region.
	ForbidMultiRegion bool `yaml:"forbid_multi_region"`
	// ExpectedKeys says which keys services should use for which data.
	ExpectedKeys []ExpectedKey `yaml:"expected_keys"`
	// Environments says what belongs to which, by the environment's name.
	Environments map[string]Environment `yaml:"environments" keykind:"environment"`
}

// AliasNames says which names aliases may have.
type AliasNames struct {
	// Patterns are names of presets, or names with parts: alias/<org>/<service>.
	Patterns []string `yaml:"patterns" kind:"alias_name"`
	// Values are what parts may be, by part; one without is any word.
	Values map[string][]string `yaml:"values" kind:"alias_text" keykind:"alias_part"`
	// Exempt are aliases that may have any name; * stands for any text.
	Exempt []string `yaml:"exempt" kind:"alias"`
}

// ExpectedKey says which key is expected of calls that meet its conditions.
type ExpectedKey struct {
	Service   string `yaml:"service" kind:"service"`
	DataClass string `yaml:"data_class"`
	Account   string `yaml:"account" kind:"account"`
	// Alias is an alias name in which * stands for any text, <service> and
	// <dataclass> for those of the call.
	Alias string `yaml:"alias" kind:"alias"`
	Key   string `yaml:"key" kind:"key_arn"`
}

// Environment says what belongs to an environment.
type Environment struct {
	Accounts []string `yaml:"accounts" kind:"account"`
	// Callers are ARNs of roles and users, in which * stands for any text.
	Callers []string `yaml:"callers" kind:"caller"`
	// Aliases are those of its keys; * stands for any text.
	Aliases []string `yaml:"aliases" kind:"alias"`
	// Tags are values that say so of keys and roles, by tag key.
	Tags map[string][]string `yaml:"tags"`
}

var (
	aliasPartPattern   = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	aliasTextPattern   = regexp.MustCompile(`^[A-Za-z0-9/_-]+$`)
	keySpecPattern     = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$|^SM2$`)
	servicePattern     = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	environmentPattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

	keyOrigins = []string{"AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"}
)

// aliasPresets are the names of aliases that have a name themselves.
var aliasPresets = map[string]string{
	"org-service-dataclass":     "alias/<org>/<service>-<dataclass>",
	"environment-function-team": "alias/<environment>-<function>-<team>",
}

// maxAliasNames bounds how many names the values of a pattern's parts make.
const maxAliasNames = 2000

// aliasPiece is text, or a part that stands for text.
type aliasPiece struct{ text, part string }

// parseAliasName takes a pattern, or the pattern of a preset, into its pieces.
func parseAliasName(pattern string) ([]aliasPiece, error) {
	presets := slices.Sorted(maps.Keys(aliasPresets))
	rest := aliasPattern(pattern)
	if !strings.HasPrefix(rest, "alias/") {
		return nil, fmt.Errorf("unknown %q%s; write a pattern such as alias/<org>/<service>, or one of %s",
			pattern, didYouMean(pattern, presets), strings.Join(presets, ", "))
	}
	var pieces []aliasPiece
	for rest != "" {
		text, behind, more := strings.Cut(rest, "<")
		if text != "" && !aliasTextPattern.MatchString(text) {
			return nil, fmt.Errorf("%q has %q, and aliases have letters, digits, /, _ and -; a part stands in < >", pattern, text)
		}
		if text != "" {
			pieces = append(pieces, aliasPiece{text: text})
		}
		if !more {
			break
		}
		part, after, closed := strings.Cut(behind, ">")
		if !closed || !aliasPartPattern.MatchString(part) {
			return nil, fmt.Errorf("%q: a part looks like <service>, and has small letters, digits and _", pattern)
		}
		pieces, rest = append(pieces, aliasPiece{part: part}), after
	}
	return pieces, nil
}

// aliasPattern is the pattern of a preset, or the pattern given.
func aliasPattern(pattern string) string {
	if preset, ok := aliasPresets[pattern]; ok {
		return preset
	}
	return pattern
}

// parts lists the parts that patterns have.
func (a *AliasNames) parts() []string {
	var parts []string
	for _, p := range a.Patterns {
		pieces, _ := parseAliasName(p)
		for _, piece := range pieces {
			if piece.part != "" {
				parts = append(parts, piece.part)
			}
		}
	}
	return parts
}

// nameCount is how many names the values of a pattern's parts make, at most
// one more than allowed.
func (a *AliasNames) nameCount(pattern string) int {
	pieces, _ := parseAliasName(pattern)
	n := 1
	for _, piece := range pieces {
		n = min(n*max(len(a.Values[piece.part]), 1), maxAliasNames+1)
	}
	return n
}

// likePatterns gives the LIKE patterns, with the escape \, of the names that fit
// a pattern. A part without values is a character and anything behind it; that
// it is one word follows where a name has as many / and - as the pattern.
func (a *AliasNames) likePatterns(pattern string) []string {
	pieces, _ := parseAliasName(pattern)
	names := []string{""}
	for _, piece := range pieces {
		choices := []string{plainLike(piece.text)}
		if piece.part != "" {
			choices = []string{"_%"}
		}
		if values := a.Values[piece.part]; len(values) > 0 {
			choices = nil
			for _, v := range values {
				choices = append(choices, plainLike(v))
			}
		}
		var longer []string
		for _, name := range names {
			for _, c := range choices {
				longer = append(longer, name+c)
			}
		}
		names = longer
	}
	return names
}

// plainLike is the LIKE pattern, with the escape \, of a text that may be in an
// alias.
func plainLike(text string) string { return strings.ReplaceAll(text, "_", `\_`) }

// checkStandardsValue is CheckValue for the kinds that only Standards has.
func checkStandardsValue(kind, value string) error {
	switch kind {
	case "alias_name":
		if _, err := parseAliasName(value); err != nil {
			return err
		}
	case "alias_part":
		if !aliasPartPattern.MatchString(value) {
			return fmt.Errorf("%q is not the name of a part; it is what stands between < and >, such as service", value)
		}
	case "alias_text":
		if !aliasTextPattern.MatchString(value) {
			return fmt.Errorf("%q cannot be part of an alias; aliases have letters, digits, /, _ and -", value)
		}
	case "key_origin":
		if !slices.Contains(keyOrigins, value) {
			return fmt.Errorf("unknown origin %q%s; there are %s", value, didYouMean(value, keyOrigins), strings.Join(keyOrigins, ", "))
		}
	case "key_spec":
		if !keySpecPattern.MatchString(value) {
			return fmt.Errorf("%q is not a key spec; it looks like SYMMETRIC_DEFAULT or RSA_4096", value)
		}
	case "service":
		if !servicePattern.MatchString(value) {
			return fmt.Errorf("%q is not a service; write its short name, such as s3 or secretsmanager", value)
		}
	case "environment":
		if !environmentPattern.MatchString(value) {
			return fmt.Errorf("%q cannot be the name of an environment; it has letters, digits, _ and -", value)
		}
	case "caller":
		if !strings.HasPrefix(value, "arn:") {
			return fmt.Errorf("%q is not a pattern for the ARN of a role or user; it looks like arn:aws:iam::*:role/prod-*", value)
		}
	}
	return nil
}

func validateStandards(c *Config, errs *Error) {
	s := &c.Standards
	known := s.Aliases.parts()
	for _, part := range slices.Sorted(maps.Keys(s.Aliases.Values)) {
		p := join("standards.aliases.values", part)
		if !slices.Contains(known, part) {
			errs.add(c.place(p), "%s: no pattern has a part <%s>%s", p, part, didYouMean(part, known))
		}
	}
	for i, pattern := range s.Aliases.Patterns {
		p := fmt.Sprintf("standards.aliases.patterns[%d]", i)
		if s.Aliases.nameCount(pattern) > maxAliasNames {
			errs.add(c.place(p), "%s: the values of its parts make more than %d names; give the longest of them no values", p, maxAliasNames)
		}
	}
	validateExpectedKeys(c, errs)
	for _, name := range slices.Sorted(maps.Keys(s.Environments)) {
		e, p := s.Environments[name], join("standards.environments", name)
		if len(e.Accounts)+len(e.Callers)+len(e.Aliases)+len(e.Tags) == 0 {
			errs.add(c.place(p), "%s is empty; say by accounts, callers, aliases or tags what belongs to it", p)
		}
	}
	if len(s.Environments) == 1 {
		errs.add(c.place("standards.environments"), "standards.environments has one environment; what is shared shows with two or more")
	}
}

func validateExpectedKeys(c *Config, errs *Error) {
	for i, r := range c.Standards.ExpectedKeys {
		p := fmt.Sprintf("standards.expected_keys[%d]", i)
		rest := strings.NewReplacer("<service>", "", "<dataclass>", "").Replace(r.Alias)
		switch {
		case (r.Alias == "") == (r.Key == ""):
			errs.add(c.place(p), "%s needs either alias or key: which key is expected", p)
		case strings.ContainsAny(rest, "<>"):
			errs.add(c.place(p+".alias"), "%s.alias: %q has a part that is neither <service> nor <dataclass>", p, r.Alias)
		case r.Service == "" && r.DataClass == "" && r.Account == "" && rest == r.Alias:
			errs.add(c.place(p), "%s expects one key for everything; name a service, a data_class or an account, or write <service> or <dataclass> into alias", p)
		}
	}
}

// rows are those of key_standards.
func (s *Standards) rows() [][]any {
	var rows [][]any
	add := func(kind, name string, values ...string) {
		for _, v := range values {
			rows = append(rows, []any{kind, v, orNull(name)})
		}
	}
	for _, p := range s.Aliases.Patterns {
		add("alias", aliasPattern(p), s.Aliases.likePatterns(p)...)
	}
	for _, p := range s.Aliases.Exempt {
		add("exempt_alias", p, likePattern(plainLike(p)))
	}
	if s.RequireAlias {
		add("required", "", "alias")
	}
	if s.RequireDescription {
		add("required", "", "description")
	}
	add("origin", "", s.Origins...)
	add("spec", "", s.Specs...)
	add("region", "", s.Regions...)
	add("account", "", s.Accounts...)
	if s.ForbidMultiRegion {
		add("multi_region", "", "forbidden")
	}
	return rows
}

func (s *Standards) expectedKeyRows() [][]any {
	var rows [][]any
	for i, r := range s.ExpectedKeys {
		rows = append(rows, []any{
			int64(i + 1), orNull(r.Service), orNull(strings.ToLower(strings.TrimSpace(r.DataClass))), orNull(r.Account),
			orNull(r.Key), orNull(strings.ToLower(likePattern(r.Alias))),
		})
	}
	return rows
}

func (s *Standards) environmentRows() [][]any {
	var rows [][]any
	for _, name := range slices.Sorted(maps.Keys(s.Environments)) {
		e := s.Environments[name]
		for _, a := range e.Accounts {
			rows = append(rows, []any{name, "account", a, nil})
		}
		for _, p := range e.Callers {
			rows = append(rows, []any{name, "caller", likePattern(p), nil})
		}
		for _, p := range e.Aliases {
			rows = append(rows, []any{name, "alias", likePattern(p), nil})
		}
		for _, key := range slices.Sorted(maps.Keys(e.Tags)) {
			for _, v := range e.Tags[key] {
				rows = append(rows, []any{name, "tag", strings.ToLower(v), strings.ToLower(key)})
			}
		}
	}
	return rows
}
