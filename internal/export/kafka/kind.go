// SPDX-License-Identifier: Apache-2.0

// Package kafka is the output that produces records to topics of Apache Kafka. Its client is 3 MB of program: only a
// weir that is built with the tag kafka has it.
package kafka

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/peer"
)

// Kind is the kind of this output.
var Kind = &export.Kind{Name: "kafka", Schemes: []string{"kafka", "kafkas"},
	Example: "kafkas://weir@a.example.org:9093,b.example.org:9093/weir.{type}?password_file=/etc/weir/kafka",
	Parse:   parse}

// port is that of Kafka's examples; IANA has assigned none.
const port = 9092

// typePlace stands for a record's type in a topic.
const typePlace = "{type}"

// target returns the brokers and the topic of a URL.
func target(u *url.URL) (brokers []string, topic string, err error) {
	if brokers, err = addresses(u); err != nil {
		return nil, "", err
	}
	topic, err = topicOf(u)
	return brokers, topic, err
}

// addresses returns the brokers that a URL names, separated by commas.
func addresses(u *url.URL) (all []string, err error) {
	for text := range strings.SplitSeq(u.Host, ",") {
		one, err := peer.Join(text, port)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// legalTopic is what a topic's name may be (Kafka's class Topic); "." and ".." may not.
var legalTopic = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// topicOf returns the topic that a URL's path is, weir.{type} without one.
func topicOf(u *url.URL) (string, error) {
	name := strings.TrimPrefix(u.Path, "/")
	if name == "" {
		name = "weir." + typePlace
	}
	plain := strings.ReplaceAll(name, typePlace, "flow")
	if !legalTopic.MatchString(plain) || plain == "." || plain == ".." {
		return "", fmt.Errorf("the topic %q: must be 1 to 249 of a-z, A-Z, 0-9, ., _ and -, and in braces only {type} "+
			"may be", name)
	}
	return name, nil
}
