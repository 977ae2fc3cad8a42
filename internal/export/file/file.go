// SPDX-License-Identifier: Apache-2.0

// Package file is the output that writes records as they are, a line of JSON each, into a file that it rotates.
package file

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/weirnet/weir/internal/export"
)

// Kind is the kind of this output.
var Kind = &export.Kind{Name: "file", Schemes: []string{"file"},
	Example: "file:///var/log/weir/flows.ndjson?rotate=100MB&keep=5", Parse: parse}

func parse(u *url.URL, p *export.Parameters) (*export.Made, error) {
	return Make(u, p, func(e *export.Environment, l *Lines) (export.Output, error) { return &output{lines: l}, nil })
}

// Make reads what all outputs that write lines into a file have in common.
func Make(u *url.URL, p *export.Parameters,
	open func(*export.Environment, *Lines) (export.Output, error)) (*export.Made, error) {
	path, err := export.FilePath(u)
	if err != nil {
		return nil, err
	}
	rotation := ReadRotation(p)
	if filepath.Dir(path) == "/" {
		return nil, fmt.Errorf("%s: the file needs a folder, in which it is rotated", path)
	}
	return &export.Made{Folder: filepath.Dir(path), Path: path,
		Open: func(e *export.Environment) (export.Output, error) { return open(e, NewLines(path, rotation)) }}, nil
}

type output struct{ lines *Lines }

// Write implements export.Output.
func (o *output) Write(_ context.Context, records []*export.Record) error {
	o.lines.Begin()
	for _, r := range records {
		o.lines.Add(r.Line)
	}
	done, err := o.lines.End()
	if err != nil {
		return export.Retry(done, err)
	}
	return nil
}

// Reopen implements export.Reopener.
func (o *output) Reopen() { o.lines.Reopen() }

// Close implements export.Output.
func (o *output) Close() error { return o.lines.Close() }
