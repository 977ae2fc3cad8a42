// SPDX-License-Identifier: Apache-2.0

// Command document writes docs/METRICS.md from the list of families.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/weirnet/weir/internal/metric"
)

func main() {
	if err := os.WriteFile(os.Args[1], document(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func document() []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Generated from internal/metric by go generate. DO NOT EDIT. -->

# Metrics

` + "`weir run --metrics-listen 127.0.0.1:9167`" + ` serves them to Prometheus, as text or as OpenMetrics.
[COUNTERS.md](COUNTERS.md) explains each cause. No metric names an address, a host or a device; of protocols and
applications at most 50 each have a name, the rest is in ` + "`other`" + `. Counters begin at 0 when weir starts.

| metric | type | labels | shows |
|---|---|---|---|
`)
	for _, f := range metric.Families() {
		labels := "-"
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, labels, f.Help)
	}
	return b.Bytes()
}
