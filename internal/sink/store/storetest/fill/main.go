// SPDX-License-Identifier: Apache-2.0

//go:build cgo

// The program fill makes the data folder of a sink that a made gateway has reported to until now: `weir-sink serve
// --data FOLDER` goes on from there. bench/run measures the page on it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/sink/store/duckdb"
	"github.com/weirnet/weir/internal/sink/store/storetest"
)

// batch is how many reports a transaction has: an hour.
const batch = 240

func main() {
	hours := flag.Int("hours", 24, "`hours` that the reports cover")
	churn := flag.Int("churn", 20, "`flows` that begin in 15 s")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: fill [-hours N] [-churn N] FOLDER")
	}
	begin := time.Now()
	if err := fill(context.Background(), filepath.Join(flag.Arg(0), "store"), *hours, *churn); err != nil {
		log.Fatal("fill: ", err)
	}
	fmt.Printf("%d flows of %d h, stored in %.1f s\n", *churn**hours*int(time.Hour/storetest.Period), *hours,
		time.Since(begin).Seconds())
}

func fill(ctx context.Context, folder string, hours, churn int) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	s, err := duckdb.Open(filepath.Join(folder, "weir.duckdb"), duckdb.Config{})
	if err != nil {
		return err
	}
	defer s.Close()
	start := time.Now().UTC().Truncate(storetest.Period).Add(-time.Duration(hours) * time.Hour)
	g := storetest.NewGatewayAt(1, 1, 1<<20, start)
	g.Churn, g.IsConstant = churn, true
	for n := 1; n <= 20; n++ {
		g.Device(fmt.Sprintf(`{"type":"device","mac":"02:00:00:00:00:%02x","addresses":[{"ip":"192.168.1.%d"}],`+
			`"names":[{"name":"device-%d","source":"dhcp"}],"first_seen":%q,"last_seen":%q}`, n, n, n,
			start.Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339)))
	}
	for done := 0; done < hours*int(time.Hour/storetest.Period); done += batch {
		for range batch {
			g.Step()
		}
		if _, err := s.Ingest(ctx, g.Reports[done:]); err != nil {
			return err
		}
		for i := range g.Reports[done:] {
			g.Reports[done+i] = store.Report{} // stored: only their number is needed
		}
		clear(g.Latest)
	}
	return s.Close()
}
