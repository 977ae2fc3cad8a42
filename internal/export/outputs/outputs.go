// SPDX-License-Identifier: Apache-2.0

// Package outputs lists the kinds of outputs that this program has.
package outputs

import (
	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/eve"
	"github.com/weirnet/weir/internal/export/file"
	"github.com/weirnet/weir/internal/export/ipfix"
	"github.com/weirnet/weir/internal/export/kafka"
	"github.com/weirnet/weir/internal/export/mqtt"
	"github.com/weirnet/weir/internal/export/syslog"
)

// Kinds returns all kinds. That of Kafka says so if this program was built without it.
func Kinds() []*export.Kind {
	return []*export.Kind{file.Kind, eve.Kind, syslog.Kind, ipfix.Kind, mqtt.Kind, kafka.Kind}
}
