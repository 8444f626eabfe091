package docgen_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kmstrail/kmstrail/internal/config"
)

// examples returns the fenced blocks of one language in a page.
func examples(t *testing.T, page, language string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no %s example", page, language)
	}
	return blocks
}

// TestConfigurationExample: the file that the page shows, with every key in
// force, is a valid configuration.
func TestConfigurationExample(t *testing.T) {
	commentedOut := regexp.MustCompile("(?m)^#([a-z ]*[a-z\"-])")
	for _, example := range examples(t, "../../docs/configuration.md", "yaml") {
		example = regexp.MustCompile("(?m)^# [^ ].*$").ReplaceAllString(example, "")
		example = commentedOut.ReplaceAllString(example, "$1")
		file := filepath.Join(t.TempDir(), "kmstrail.yaml")
		if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(config.Options{File: file})
		if err != nil {
			t.Error(err)
		} else if len(cfg.TrustedAccounts) == 0 || cfg.Limits.Threads == 0 {
			t.Errorf("the example was not read whole:\n%s", example)
		}
	}
}

// TestPolicyExample: README's policy is JSON and allows nothing but reading.
func TestPolicyExample(t *testing.T) {
	for _, example := range examples(t, "../../README.md", "json") {
		var policy struct {
			Version   string
			Statement []struct{ Sid, Effect, Action, Resource string }
		}
		if err := json.Unmarshal([]byte(example), &policy); err != nil {
			t.Fatal(err)
		}
		for _, s := range policy.Statement {
			_, verb, _ := strings.Cut(s.Action, ":")
			if !regexp.MustCompile(`^(List|Get|Lookup|Decrypt)`).MatchString(verb) {
				t.Errorf("statement %s allows %s, which is more than reading", s.Sid, s.Action)
			}
		}
	}
}
