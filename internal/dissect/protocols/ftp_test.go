// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from RFC 959 appendix and RFC 2428's examples.
var (
	ftpPassive = tcp(21, S("220 Service ready for new user.\r\n"), C("USER anna\r\n"), S("331 Password required\r\n"),
		C("PASS x\r\n"),
		S("230 in\r\n"), C("PASV\r\n"), S("227 Entering Passive Mode (198,51,100,1,19,137)\r\n"))
	ftpActive = tcp(2121, S("220-ProFTPD\r\n220 ready\r\n"),
		C("USER anonymous\r\nPASS a@b\r\nPORT 192,0,2,1,0,200\r\n"))
	ftpIPv6 = tcp(21, S("220 FTP\r\n"), C("EPRT |2|1080::8:800:200C:417A|5282|\r\nEPSV\r\n"),
		S("200 ok\r\n229 Entering Extended Passive Mode (|||6446|)\r\n"))
	ftpTLS  = tcp(21, S("220 FTP server\r\n"), C("AUTH TLS\r\n"), S("234 go\r\n"), CX("1603010005 0100000100"))
	ftpList = tcp(20, S("drwxr-xr-x   2 root     root         4096 Jan 12 10:01 pub\r\n-rw-r--r--   1 a b 12 Mar  1  "+
		"2020 x\r\n"))
)

func TestFTP(t *testing.T) {
	h := wantProtocol(t, ftpPassive, "ftp", `"user":"anna"`, `"server":"Service ready`)
	if len(h.Expectations) != 1 || h.Expectations[0].Server.String() != "198.51.100.1:5001" || len(h.Risks) != 1 {
		t.Errorf("expectations %v, risks %v", h.Expectations, h.Risks)
	}
	h = wantProtocol(t, ftpActive, "ftp")
	if len(h.Expectations) != 1 || h.Expectations[0].Server.String() != "192.0.2.1:200" || len(h.Risks) != 0 {
		t.Errorf("expectations %v, risks %v", h.Expectations, h.Risks)
	}
	h = wantProtocol(t, ftpIPv6, "ftp")
	if len(h.Expectations) != 2 || h.Expectations[0].Server.Port() != 5282 ||
		h.Expectations[1].Server.String() != "198.51.100.1:6446" {
		t.Errorf("expectations %v", h.Expectations)
	}
	wantProtocol(t, ftpTLS, "ftp", `"starttls":true`)
	wantProtocol(t, tcp(21, C("USER a\r\n"), C("PASS b\r\n"), C("SYST\r\n")), "ftp")
	wantNot(t, tcp(21, S("220 mail.example ESMTP\r\n"), C("EHLO a\r\n")), "ftp")
	wantNot(t, tcp(21, S("+OK\r\n"), C("USER a\r\n")), "ftp")
	wantNot(t, tcp(21, C("USER a\r\nPASS b\r\nSTAT\r\n")), "ftp")
	for _, k := range []talk{ftpPassive, ftpActive, ftpIPv6, ftpTLS} {
		testTruncations(t, "ftp", k, 7)
		wantNoAllocations(t, "ftp", k)
	}
}

func FuzzFTP(f *testing.F) { fuzzTalks(f, "ftp", ftpPassive, ftpActive, ftpIPv6, ftpTLS) }
