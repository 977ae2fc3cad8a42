// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
)

// Explain says in plain words why a request failed.
func Explain(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
		name    *net.DNSError
		notTLS  tls.RecordHeaderError
		outer   *url.Error
	)
	switch {
	case errors.As(err, &unknown):
		return "another server answers: its certificate is not signed by the authority that weir knows"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the sink's certificate is not valid now; is this gateway's clock right?"
	case errors.As(err, &host):
		return fmt.Sprintf("the sink's certificate is not for %s", host.Host)
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the server speaks HTTP without TLS; is this the sink's address for agents, not that of its page?"
	case errors.As(err, &notTLS):
		return "the server does not speak TLS"
	case errors.As(err, &name):
		if name.IsNotFound {
			return fmt.Sprintf("the name %s is unknown", name.Name)
		}
		return fmt.Sprintf("the name %s can't be resolved now", name.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the sink refuses the connection; does it run?"
	case errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH):
		return "there is no way to the sink"
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || isTimeout(err):
		return "the sink does not answer in time"
	case errors.As(err, &outer): // without the URL, which the reader knows
		return outer.Err.Error()
	default:
		return err.Error()
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
