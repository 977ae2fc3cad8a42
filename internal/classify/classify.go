// SPDX-License-Identifier: Apache-2.0

// Package classify names a flow's application, and guesses its protocol from ports. The sources, in order of
// precedence: the dissector, host names and certificates, the client's DNS answers, address blocks. The result names
// its source.
package classify

import (
	"net/netip"
	"sync/atomic"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// NoCertificate is the application of TLS flows with a missing or self-signed certificate.
const NoCertificate = "no-certificate"

// Application is the result of FromResult and Guess.
type Application struct {
	ID       string
	Category string
	Method   record.ApplicationMethod
}

// Classifier names applications. Goroutines may share it.
type Classifier struct {
	catalog atomic.Pointer[catalog.Catalog]
}

// New returns a Classifier over the catalog's applications.
func New(c *catalog.Catalog) *Classifier {
	n := new(Classifier)
	n.SetCatalog(c)
	return n
}

// SetCatalog replaces the catalog. What is named already keeps its name.
func (c *Classifier) SetCatalog(to *catalog.Catalog) { c.catalog.Store(to) }

// reported returns a catalog entry in the form of flow records.
func reported(app *catalog.Application, method record.ApplicationMethod) Application {
	if app.PartOf != "" {
		return Application{app.PartOf, app.Category, method}
	}
	return Application{app.ID, app.Category, method}
}

// FromResult names the application by a dissector's result: the application that the dissector set, else the host
// name's, else the certificate's.
func (c *Classifier) FromResult(r *dissect.Result) Application {
	if id := r.Application(); id != "" {
		app := Application{ID: id, Method: record.ByDPI}
		if known, ok := c.catalog.Load().Lookup(id); ok {
			app.Category = known.Category
		}
		return app
	}
	if app, ok := c.byHost(r.Host()); ok {
		return app
	}
	for _, name := range r.CertificateNames() {
		if app, ok := c.catalog.Load().ByCertificate(name); ok {
			return reported(app, record.ByCertificate)
		}
		if app, ok := c.catalog.Load().ByHost(name); ok {
			return reported(app, record.ByCertificate)
		}
	}
	return Application{}
}

// byHost names the application of a host name, which may be empty.
func (c *Classifier) byHost(host []byte) (Application, bool) {
	if len(host) == 0 {
		return Application{}, false
	}
	app, ok := c.catalog.Load().ByHost(host)
	if !ok {
		return Application{}, false
	}
	return reported(app, record.ByHost), true
}

// Guess names the application of a flow whose inspection found none: by the name that DNS gave the client for the
// server's address (nil if none), else by the server's address. A missing or self-signed certificate overrides both.
func (c *Classifier) Guess(dnsName []byte, server netip.Addr, certificate dissect.Certificate) Application {
	if app, ok := c.byHost(dnsName); ok {
		app.Method = record.ByDNS
		return app
	}
	if app, ok := c.catalog.Load().ByAddress(server); ok {
		return reported(app, record.ByAddress)
	}
	if certificate == dissect.CertificateMissing || certificate == dissect.CertificateSelfSigned {
		return Application{ID: NoCertificate, Method: record.ByCertificate}
	}
	return Application{}
}
