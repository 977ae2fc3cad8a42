// SPDX-License-Identifier: Apache-2.0

//go:build !kafka

package kafka

import (
	"errors"
	"net/url"

	"github.com/weirnet/weir/internal/export"
)

// IsBuiltIn reports whether this program has the output.
const IsBuiltIn = false

func parse(u *url.URL, _ *export.Parameters) (*export.Made, error) {
	if _, _, err := target(u); err != nil {
		return nil, err
	}
	return nil, errors.New("this weir was built without Kafka, which makes it 3 MB larger: make build KAFKA=1 " +
		"builds one with it (docs/OUTPUTS.md)")
}
