// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/sink/store"
)

const csvType = "text/csv; charset=utf-8"

// withCSV documents that an operation answers in CSV, too.
func withCSV(op *huma.Operation) {
	op.Responses = map[string]*huma.Response{"200": {Content: map[string]*huma.MediaType{
		"application/json": {},
		"text/csv":         {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
}

// contentType returns the type of an answer that can be CSV; "" is JSON.
func contentType(accept string) string {
	var csv, json float64
	for part := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		quality := 1.0
		if q, ok := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q="); ok {
			quality, _ = strconv.ParseFloat(q, 64)
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "text/csv":
			csv = max(csv, quality)
		case "application/json":
			json = max(json, quality)
		}
	}
	if csv > json {
		return csvType
	}
	return ""
}

// inCSV is an answer that can be CSV. Its text is made before the answer's status is sent.
type inCSV struct{ text []byte }

func (c *inCSV) csvText() []byte { return c.text }

// render makes the text of an answer of that type, if it is CSV.
func (c *inCSV) render(contentType string, csv func() ([]byte, error)) (err error) {
	if contentType != csvType {
		return nil
	}
	if c.text, err = csv(); err != nil {
		slog.Error("api: a record has no CSV", "err", err)
		return problem(http.StatusInternalServerError, "a record of the store can't be read; the sink's log says why")
	}
	return nil
}

// marshalCSV is the format of csvType. A client that has left is no error; see marshalJSON.
func marshalCSV(w io.Writer, v any) error {
	answer, ok := v.(interface{ csvText() []byte })
	if !ok {
		return fmt.Errorf("%T has no CSV", v)
	}
	_, _ = w.Write(answer.csvText())
	return nil
}

// csv returns a line for each row, for the others and for all. record.AppendColumn defuses formulas.
func (t *TopAnswer) csv() ([]byte, error) {
	b := []byte("row,key,up_bytes,down_bytes,packets,flows\n")
	for i := range t.Rows {
		b = appendSums(record.AppendColumn(append(b, "key"...), t.Rows[i].Key), &t.Rows[i].Sums)
	}
	b = appendSums(append(b, "other,"...), &t.Other)
	return appendSums(append(b, "total,"...), &t.Total), nil
}

func appendSums(b []byte, s *store.Sums) []byte {
	for _, n := range [...]uint64{s.UpBytes, s.DownBytes, s.Packets, s.Flows} {
		b = strconv.AppendUint(append(b, ','), n, 10)
	}
	return append(b, '\n')
}

// csv returns a line for each flow. Its columns are those of records, after two of the sink.
func (f *FlowsAnswer) csv() ([]byte, error) {
	b := []byte("agent,device," + record.CSVHeader + "\n")
	for i := range f.Rows {
		r, err := parseRecord(f.Rows[i].Record)
		if err != nil {
			return nil, err
		}
		row := record.AppendColumn(record.AppendColumn(nil, f.Rows[i].Agent), f.Rows[i].Device)
		b = append(append(b, row[1:]...), ',')
		b = append(r.AppendCSV(b), '\n')
	}
	return b, nil
}

func timeText(t time.Time) string { return t.Format(time.RFC3339Nano) }

func intText(n int) string { return strconv.Itoa(n) }
