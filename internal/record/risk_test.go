// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRisks: each risk has complete texts, and the schema lists exactly these risks.
func TestRisks(t *testing.T) {
	slug := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	if len(risks) > 32 {
		t.Errorf("%d risks, and Risks has 32 bits", len(risks))
	}
	var slugs []string
	for _, r := range RiskList() {
		if !slug.MatchString(r.Slug) || slices.Contains(slugs, r.Slug) {
			t.Errorf("slug %q", r.Slug)
		}
		slugs = append(slugs, r.Slug)
		for _, text := range []string{r.Meaning, r.Advice} {
			if len(text) < 20 || !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q is no sentence", r.Slug, text)
			}
		}
	}
	var schema struct {
		Properties struct {
			Risks struct {
				Items struct{ Enum []string }
			}
		}
	}
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	if want := schema.Properties.Risks.Items.Enum; !slices.Equal(slugs, want) {
		t.Errorf("the risks are %q, the schema has %q", slugs, want)
	}
}

// TestRiskSet: a record lists each of its risks once, in the list's order.
func TestRiskSet(t *testing.T) {
	f := translated()
	f.Risks.Add(RiskSMB1)
	f.Risks.Add(RiskCleartextCredentials)
	f.Risks.Add(RiskSMB1)
	text := string(f.AppendJSON(nil))
	if !strings.Contains(text, `"risks":["cleartext-credentials","smb1"]`) {
		t.Error(text)
	}
	validate(t, text)
	for r := range risks {
		f.Risks.Add(Risk(r))
	}
	validate(t, string(f.AppendJSON(nil)))
}
