// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"testing"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/export/outputs"
	"github.com/weirnet/weir/internal/metric"
)

// TestExportsCounts: counts of the process export survive its death, and those of outputs of a kind add up.
func TestExportsCounts(t *testing.T) {
	var x exports
	told := func(id string, written, dropped uint64) *control.Exported {
		return &control.Exported{ID: id, Dropped: dropped, Outputs: []control.OutputState{
			{Kind: "file", Written: written, Failed: 1}, {Kind: "file", Written: 5}, {Kind: "unknown", Written: 99}}}
	}
	for _, step := range []struct {
		told                    *control.Exported
		written, failed, missed uint64
	}{
		{told("a", 1, 0), 6, 1, 0},
		{told("a", 10, 2), 15, 1, 2},
		{told("b", 0, 0), 20, 2, 2},
		{told("b", 7, 3), 27, 2, 5},
	} {
		x.take(step.told)
		var s metric.Snapshot
		x.Collect(&s)
		if s[metric.ExportFileWritten] != step.written || s[metric.ExportFileFailed] != step.failed ||
			s[metric.ExportMissed] != step.missed {
			t.Errorf("after %+v: %d written, %d failed, %d missed", step.told, s[metric.ExportFileWritten],
				s[metric.ExportFileFailed], s[metric.ExportMissed])
		}
	}
}

// TestExportsKinds: each kind of output has its counters.
func TestExportsKinds(t *testing.T) {
	for _, k := range outputs.Kinds() {
		if _, _, _, ok := metric.Exported(k.Name); !ok {
			t.Errorf("no counters of %s", k.Name)
		}
	}
}
