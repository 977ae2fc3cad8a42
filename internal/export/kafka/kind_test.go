// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"net/url"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/exporttest"
)

// TestMistakes: a wrong URL is told as such, whether or not the program has Kafka.
func TestMistakes(t *testing.T) {
	exporttest.Refuses(t, Kind, map[string]string{
		"kafka:///topic":                        "the host is missing",
		"kafka://h,/topic":                      "the host is missing",
		"kafka://h/a b":                         "the topic",
		"kafka://h/a/b":                         "the topic",
		"kafka://h/..":                          "the topic",
		"kafka://h/{kind}":                      "the topic",
		"kafka://h/" + strings.Repeat("t", 250): "the topic",
		"kafka://u:secret@h":                    "password_file=",
	})
	_, err := export.NewPlan([]*export.Kind{Kind}, []string{"kafka://a:1,b:2/x"})
	if hasIt := err == nil; hasIt != IsBuiltIn || err != nil && !strings.Contains(err.Error(), "make build KAFKA=1") {
		t.Errorf("built in: %t, %v", IsBuiltIn, err)
	}
}

func FuzzTarget(f *testing.F) {
	for _, text := range []string{"kafka://weir@a:1,b:2/weir.{type}?password_file=/p", "kafkas://h?ca=/a&acks=leader",
		"kafka://[::1]:1/x", "kafka://h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		brokers, topic, err := target(u)
		if err == nil && (len(brokers) == 0 || !legalTopic.MatchString(strings.ReplaceAll(topic, typePlace, "flow"))) {
			t.Errorf("%q: %q, %q", text, brokers, topic)
		}
	})
}
