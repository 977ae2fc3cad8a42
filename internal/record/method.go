// SPDX-License-Identifier: Apache-2.0

package record

// Method is the evidence that named a flow's protocol.
type Method uint8

// Methods of protocols.
const (
	MethodNone Method = iota
	MethodDPI         // a dissector recognised it
	MethodPort        // a guess from the port
)

var methodTexts = [...]string{"none", "dpi", "port"}

func (m Method) String() string { return text(methodTexts[:], m) }

// IsGuess reports whether no dissector recognised the protocol.
func (m Method) IsGuess() bool { return m == MethodPort }

// ApplicationMethod is the evidence that named a flow's application.
type ApplicationMethod uint8

// Methods of applications.
const (
	ByNothing     ApplicationMethod = iota
	ByDPI                           // the protocol is the application's own
	ByHost                          // a host name in the flow: SNI, Host header, ...
	ByCertificate                   // a name in the server's certificate
	ByDNS                           // the name that this client resolved
	ByAddress                       // an address block of the application's operator
)

var applicationMethodTexts = [...]string{"", "dpi", "host", "certificate", "dns", "address"}

func (m ApplicationMethod) String() string { return text(applicationMethodTexts[:], m) }

// IsGuess reports whether nothing in the flow itself names the application.
func (m ApplicationMethod) IsGuess() bool { return m == ByDNS || m == ByAddress }

// HostnameMethod is the origin of a flow's host name.
type HostnameMethod uint8

// Methods of host names.
const (
	HostnameInFlow HostnameMethod = iota // from the flow itself, if it has one
	HostnameByDNS                        // the client resolved it to the server's address
)

var hostnameMethodTexts = [...]string{"", "dns"}

func (m HostnameMethod) String() string { return text(hostnameMethodTexts[:], m) }

// IsGuess reports whether the flow itself does not name the host.
func (m HostnameMethod) IsGuess() bool { return m == HostnameByDNS }
