// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/privacy"
)

// privacyOf returns what reports leave out by the settings.
func privacyOf(c *config.Config) (privacy.Config, error) {
	p := privacy.Config{OmitNetworks: c.Privacy.OmitNetworks, OmitDevices: c.Privacy.OmitDevices,
		OmitHosts: c.Privacy.OmitHosts, Addresses: privacy.Addresses(c.Privacy.Addresses),
		HostNames: privacy.HostNames(c.Privacy.HostNames), MaskGateway: c.Privacy.MaskGateway,
		OmitFields: c.Privacy.OmitFields}
	for _, host := range p.OmitHosts {
		if strings.Trim(host, "*. ") == "" {
			return p, fmt.Errorf("--omit-host %q: must be a host name, such as example.org", host)
		}
	}
	for i, field := range p.OmitFields {
		if slices.Contains(privacy.Fields, field) {
			continue
		}
		if !isProtocol(field) {
			return p, fmt.Errorf("--omit-field %s: must be %s, or a protocol's name", field,
				strings.Join(privacy.Fields, ", "))
		}
		p.OmitFields = slices.Clone(p.OmitFields)
		p.OmitFields[i] = strings.ReplaceAll(field, "-", "_") // as records name the findings
	}
	return p, nil
}

// checkPrivacy finds mistakes before anything starts.
func checkPrivacy(c *config.Config) error {
	omit, err := privacyOf(c)
	if err == nil {
		_, err = privacy.New(omit, make([]byte, privacy.KeySize))
	}
	return err
}

// isProtocol reports whether a name is a protocol's.
func isProtocol(name string) bool {
	return slices.ContainsFunc(dissect.NewTable(protocols.All()).Names(), func(slug string) bool {
		return slug == name || strings.ReplaceAll(slug, "-", "_") == name
	})
}

// setPrivacy makes reports leave out what the settings say. Until another key comes, pseudonyms have one that ends with
// the process.
func (r *reporter) setPrivacy(c privacy.Config) (err error) {
	r.omit = c
	var key [privacy.KeySize]byte
	_, _ = rand.Read(key[:]) // never fails
	return r.setPseudonymKey(key[:])
}

// setPseudonymKey sets the key, before the first record.
func (r *reporter) setPseudonymKey(key []byte) (err error) {
	r.privacy, err = privacy.New(r.omit, key)
	return err
}
