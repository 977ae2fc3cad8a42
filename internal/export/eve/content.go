// SPDX-License-Identifier: Apache-2.0

package eve

import (
	"encoding/json"

	"github.com/weirnet/weir/internal/record"
)

// The contents of events, with those of Suricata's members that weir knows.
type (
	dnsContent struct {
		Type    string      `json:"type"`
		ID      uint16      `json:"id"`
		RRName  string      `json:"rrname"`
		RRType  string      `json:"rrtype,omitempty"`
		RCode   string      `json:"rcode,omitempty"`
		AA      bool        `json:"aa,omitempty"`
		TC      bool        `json:"tc,omitempty"`
		RD      bool        `json:"rd,omitempty"`
		RA      bool        `json:"ra,omitempty"`
		Answers []dnsAnswer `json:"answers,omitempty"`
	}
	dnsAnswer struct {
		RRName string `json:"rrname"`
		RRType string `json:"rrtype"`
		TTL    uint32 `json:"ttl"`
		RData  string `json:"rdata,omitempty"`
	}
	httpContent struct {
		Hostname    string `json:"hostname,omitempty"`
		URL         string `json:"url,omitempty"`
		UserAgent   string `json:"http_user_agent,omitempty"`
		ContentType string `json:"http_content_type,omitempty"`
		Method      string `json:"http_method,omitempty"`
		Protocol    string `json:"protocol,omitempty"`
		Status      int    `json:"status,omitempty"`
		Port        uint16 `json:"http_port,omitempty"`
		Referrer    string `json:"http_refer,omitempty"`
		Redirect    string `json:"redirect,omitempty"`
	}
	tlsContent struct {
		SNI         string   `json:"sni,omitempty"`
		Version     string   `json:"version,omitempty"`
		Subject     string   `json:"subject,omitempty"`
		Issuer      string   `json:"issuerdn,omitempty"`
		NotBefore   string   `json:"notbefore,omitempty"`
		NotAfter    string   `json:"notafter,omitempty"`
		Fingerprint string   `json:"fingerprint,omitempty"`
		SANs        []string `json:"subjectaltname,omitempty"`
		Resumed     bool     `json:"session_resumed,omitempty"`
		ClientALPNs []string `json:"client_alpns,omitempty"`
		ServerALPNs []string `json:"server_alpns,omitempty"`
		JA3         *ja3     `json:"ja3,omitempty"`
		JA3S        *ja3     `json:"ja3s,omitempty"`
		JA4         string   `json:"ja4,omitempty"`
	}
	ja3 struct {
		Hash string `json:"hash"`
	}
)

// content returns the content of an event in Suricata's words.
func content(e *record.Event, kind string) ([]byte, error) {
	var of any
	var err error
	switch kind {
	case "dns":
		of, err = dns(e)
	case "http":
		of, err = http(e)
	default:
		of, err = tls(e)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(of)
}

func dns(e *record.Event) (*dnsContent, error) {
	c, err := record.ReadContent[record.DNS](e)
	if err != nil {
		return nil, err
	}
	d := &dnsContent{Type: c.Type, ID: uint16(c.ID), RRName: c.Name, RRType: c.RRType, RCode: c.RCode,
		AA: c.AA, TC: c.TC, RD: c.RD, RA: c.RA}
	for _, a := range c.Answers {
		d.Answers = append(d.Answers, dnsAnswer{a.Name, a.Type, a.TTL, a.Data})
	}
	return d, nil
}

func http(e *record.Event) (*httpContent, error) {
	c, err := record.ReadContent[record.HTTP](e)
	return &httpContent{Hostname: c.Hostname, URL: c.URL, UserAgent: c.UserAgent, ContentType: c.ContentType,
		Method: c.Method, Protocol: c.Protocol, Status: c.Status, Port: c.Port, Referrer: c.Referrer,
		Redirect: c.Redirect}, err
}

func tls(e *record.Event) (*tlsContent, error) {
	c, err := record.ReadContent[record.TLS](e)
	t := &tlsContent{SNI: c.SNI, Version: c.Version, Subject: c.Subject, Issuer: c.Issuer, NotBefore: c.NotBefore,
		NotAfter: c.NotAfter, Fingerprint: c.Fingerprint, SANs: c.SANs, Resumed: c.Resumed, ClientALPNs: c.ALPN,
		JA3: hash(c.JA3), JA3S: hash(c.JA3S), JA4: c.JA4}
	if c.ALPNSelected != "" {
		t.ServerALPNs = []string{c.ALPNSelected}
	}
	return t, err
}

func hash(text string) *ja3 {
	if text == "" {
		return nil
	}
	return &ja3{text}
}
