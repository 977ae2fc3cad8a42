// SPDX-License-Identifier: Apache-2.0

// Package classify brings a flow's verdict together: from what its dissector said, from names and certificates, from
// what DNS told the client, from address blocks and from ports, in that order, and says which of them it was.
package classify

import (
	"net/netip"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// NoCertificate is the application of TLS flows whose certificate was due and missing, or self-signed.
const NoCertificate = "no-certificate"

// Application is what FromResult and Guess find.
type Application struct {
	ID       string
	Category string
	Method   record.ApplicationMethod
}

// Classifier names applications. It is immutable and may be shared.
type Classifier struct {
	catalog *catalog.Catalog
}

// New returns a classifier that knows the catalog's applications.
func New(c *catalog.Catalog) *Classifier { return &Classifier{catalog: c} }

// reported is a catalog entry as flow records show it.
func reported(app *catalog.Application, method record.ApplicationMethod) Application {
	if app.PartOf != "" {
		return Application{app.PartOf, app.Category, method}
	}
	return Application{app.ID, app.Category, method}
}

// FromResult finds the application in what a dissector learnt: the application that it named itself, else the host
// name's, else the certificate's.
func (c *Classifier) FromResult(r *dissect.Result) Application {
	if id := r.Application(); id != "" {
		app := Application{ID: id, Method: record.ByDPI}
		if known, ok := c.catalog.Lookup(id); ok {
			app.Category = known.Category
		}
		return app
	}
	if app, ok := c.byHost(r.Host()); ok {
		return app
	}
	for _, name := range r.CertificateNames() {
		if app, ok := c.catalog.ByCertificate(name); ok {
			return reported(app, record.ByCertificate)
		}
		if app, ok := c.catalog.ByHost(name); ok {
			return reported(app, record.ByCertificate)
		}
	}
	return Application{}
}

// byHost finds the application of a host name, which may be empty.
func (c *Classifier) byHost(host []byte) (Application, bool) {
	if len(host) == 0 {
		return Application{}, false
	}
	app, ok := c.catalog.ByHost(host)
	if !ok {
		return Application{}, false
	}
	return reported(app, record.ByHost), true
}

// Guess names the application of a flow in which inspection found none: by the name that DNS gave the client for the
// server's address (nil where there is none), else by the server's address. Where a certificate was due and is not to
// be believed, that is what is said.
func (c *Classifier) Guess(dnsName []byte, server netip.Addr, certificate dissect.Certificate) Application {
	if app, ok := c.byHost(dnsName); ok {
		app.Method = record.ByDNS
		return app
	}
	if app, ok := c.catalog.ByAddress(server); ok {
		return reported(app, record.ByAddress)
	}
	if certificate == dissect.CertificateMissing || certificate == dissect.CertificateSelfSigned {
		return Application{ID: NoCertificate, Method: record.ByCertificate}
	}
	return Application{}
}
