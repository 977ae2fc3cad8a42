// SPDX-License-Identifier: Apache-2.0

package record

// Method says how a protocol was named.
type Method uint8

// The methods of protocols.
const (
	MethodNone Method = iota
	MethodDPI         // a dissector said yes
	MethodPort        // a guess by the port
)

var methodTexts = [...]string{"none", "dpi", "port"}

func (m Method) String() string { return text(methodTexts[:], m) }

// IsGuess says that no dissector recognised the protocol.
func (m Method) IsGuess() bool { return m == MethodPort }

// ApplicationMethod says how an application was named.
type ApplicationMethod uint8

// The methods of applications.
const (
	ByNothing     ApplicationMethod = iota
	ByDPI                           // the protocol is the application's own
	ByHost                          // a host name in the flow: SNI, Host header, ...
	ByCertificate                   // a name in the server's certificate
	ByDNS                           // the name that this client asked for
	ByAddress                       // an address block of the application's operator
)

var applicationMethodTexts = [...]string{"", "dpi", "host", "certificate", "dns", "address"}

func (m ApplicationMethod) String() string { return text(applicationMethodTexts[:], m) }

// IsGuess says that nothing in the flow itself names the application.
func (m ApplicationMethod) IsGuess() bool { return m == ByDNS || m == ByAddress }

// HostnameMethod says where a flow's host name comes from.
type HostnameMethod uint8

// The methods of host names.
const (
	HostnameInFlow HostnameMethod = iota // the flow itself names it, if it has one
	HostnameByDNS                        // the client had asked for it, and got the server's address
)

var hostnameMethodTexts = [...]string{"", "dns"}

func (m HostnameMethod) String() string { return text(hostnameMethodTexts[:], m) }

// IsGuess says that the flow itself does not name the host.
func (m HostnameMethod) IsGuess() bool { return m == HostnameByDNS }
