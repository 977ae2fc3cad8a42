// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"fmt"
	"net/netip"
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
		HostNames: privacy.HostNames(c.Privacy.HostNames), MaskGateway: c.Privacy.MaskGateway}
	for _, host := range p.OmitHosts {
		if strings.Trim(host, "*. ") == "" {
			return p, fmt.Errorf("--omit-host %q: must be a host name, such as example.org", host)
		}
	}
	var err error
	p.OmitFields, err = omittedFields(c.Privacy.OmitFields)
	return p, err
}

// omittedFields checks the fields to leave out, and returns them by the names that records have: those of protocols'
// findings have underscores.
func omittedFields(names []string) (fields []string, err error) {
	if len(names) == 0 {
		return nil, nil
	}
	slugs := dissect.NewTable(protocols.All()).Names()
	for _, name := range names {
		isProtocol := slices.ContainsFunc(slugs, func(slug string) bool {
			return slug == name || strings.ReplaceAll(slug, "-", "_") == name
		})
		switch {
		case slices.Contains(privacy.Fields, name):
			fields = append(fields, name)
		case isProtocol:
			fields = append(fields, strings.ReplaceAll(name, "-", "_"))
		default:
			return nil, fmt.Errorf("--omit-field %s: must be %s, or a protocol's name", name,
				strings.Join(privacy.Fields, ", "))
		}
	}
	return fields, nil
}

// checkPrivacy finds mistakes before anything starts.
func checkPrivacy(c *config.Config) error {
	omit, err := privacyOf(c)
	if err == nil {
		_, err = privacy.New(omit, make([]byte, privacy.KeySize))
	}
	return err
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
	r.privacy.SetMACs(r.macs)
	return err
}

// setMACs tells the filter which addresses belong to the same device, before the first record.
func (r *reporter) setMACs(macs func(netip.Addr) (neighbour, sender [6]byte)) {
	r.macs = macs
	r.privacy.SetMACs(macs)
}
