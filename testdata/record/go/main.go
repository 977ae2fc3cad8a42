// SPDX-License-Identifier: Apache-2.0

// Command record is the server and the client of recordings for which Debian has no program: HTTP/3 over QUIC
// version 1 and version 2, with Retry if wanted, and HTTPS over TCP with Go's ClientHello, whose post-quantum key share
// needs two segments.
//
//	record serve -cert FILE -key FILE -listen ADDRESS [-v2] [-retry]
//	record get   -ca FILE [-v2] [-tcp] URL...
package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: record serve|get")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	cert := flags.String("cert", "", "certificate `file`")
	key := flags.String("key", "", "key `file`")
	ca := flags.String("ca", "", "`file` of the authority's certificate")
	listen := flags.String("listen", ":443", "`address`")
	v2 := flags.Bool("v2", false, "QUIC version 2 (RFC 9369) instead of 1")
	retry := flags.Bool("retry", false, "answer each Initial without a token by Retry")
	tcp := flags.Bool("tcp", false, "HTTPS over TCP")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	version := quic.Version1
	if *v2 {
		version = quic.Version2
	}
	config := &quic.Config{Versions: []quic.Version{version}}
	switch args[0] {
	case "serve":
		return serve(*listen, *cert, *key, *retry, config)
	case "get":
		return get(flags.Args(), *ca, *tcp, config)
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func serve(listen, cert, key string, retry bool, config *quic.Config) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, strings.Repeat("w", 300))
	})
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return err
	}
	conn, err := net.ListenPacket("udp", listen)
	if err != nil {
		return err
	}
	transport := &quic.Transport{Conn: conn, VerifySourceAddress: func(net.Addr) bool { return retry }}
	server := &http3.Server{
		Handler:    mux,
		TLSConfig:  http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{pair}}),
		QUICConfig: config,
	}
	listener, err := transport.ListenEarly(server.TLSConfig, config)
	if err != nil {
		return err
	}
	return server.ServeListener(listener)
}

func get(urls []string, ca string, tcp bool, config *quic.Config) error {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	overQUIC := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, QUICConfig: config}
	defer overQUIC.Close()
	client := &http.Client{Transport: overQUIC}
	if tcp {
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	}
	for _, url := range urls {
		response, err := client.Get(url)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if err := response.Body.Close(); err != nil {
			return err
		}
	}
	return nil
}
