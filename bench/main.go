// SPDX-License-Identifier: Apache-2.0

// Command bench measures weir side by side with its peers, in one run: traces, whole programs, and a table of ratios.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	testdata := flag.String("testdata", "../testdata", "where the recordings are")
	traces := flag.String("traces", "traces", "where the traces are made")
	weir := flag.String("weir", "../bin/weir", "the weir to measure")
	runs := flag.Int("runs", 10, "samples of each program")
	flag.Parse()
	if err := makeTraces(*testdata, *traces); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if err := compare(*weir, *traces, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
