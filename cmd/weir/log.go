// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"

	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/sandbox"
)

// newLogger returns the logger of a process.
func newLogger(stderr io.Writer, o logging.Options) (*logging.Logger, error) {
	o.Program = "weir"
	return logging.New(stderr, o)
}

// plainLogger returns the logger of commands that have no settings for it.
func plainLogger(stderr io.Writer) *logging.Logger {
	l, err := newLogger(stderr, logging.Options{})
	if err != nil {
		panic(err) // the defaults are valid
	}
	return l
}

// settingsLogger returns the logger that the settings mean, of the privileged process or of the confined one.
func settingsLogger(c *config.Config, stderr io.Writer) (*logging.Logger, error) {
	process := "helper"
	if sandbox.Inside() {
		process = "agent"
	}
	return newLogger(stderr, logging.Options{Format: c.Log.Format, Level: c.Log.Level, Process: process})
}

// logEnd logs a command's error, which main then does not print, and what the logger left out.
func logEnd(l *logging.Logger, err error) error {
	l.Flush()
	if err == nil {
		return nil
	}
	if status := statusError(0); errors.As(err, &status) {
		return err // another process has reported the reason
	}
	l.Errorf("%v", err)
	if partial := (partialError{}); errors.As(err, &partial) {
		return statusError(exitPartial)
	}
	return statusError(exitUsage)
}
