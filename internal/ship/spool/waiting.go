// SPDX-License-Identifier: Apache-2.0

package spool

import "os"

// Waiting counts the reports in a spool's folder, and their bytes, without opening the spool: another process may use
// it. A few of them may be done.
func Waiting(path string) (reports int, bytes int64, err error) {
	files, err := os.ReadDir(path)
	if err != nil {
		return 0, 0, err
	}
	for _, f := range files {
		if _, ok := parseName(f.Name()); !ok {
			continue
		}
		if info, err := f.Info(); err == nil { // else it is gone
			reports++
			bytes += info.Size()
		}
	}
	return reports, bytes, nil
}
