// SPDX-License-Identifier: Apache-2.0

package uplink

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Headers of a signed request.
const (
	AgentHeader     = "Weir-Agent"     // AgentID
	TimeHeader      = "Weir-Time"      // seconds since the Unix epoch, by the sink's clock as far as the agent knows it
	SignatureHeader = "Weir-Signature" // base64
)

// AgentID returns the identity of the agent with that key: the first 16 bytes of the key's SHA-256, in hexadecimal.
func AgentID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:16])
}

// message is what is signed: method, path, time and body. The domain keeps the signature from meaning anything else.
func message(method, path, at string, body []byte) []byte {
	sum := sha256.Sum256(body)
	return []byte("weir-uplink-v1\n" + method + "\n" + path + "\n" + at + "\n" + hex.EncodeToString(sum[:]) + "\n")
}

// Sign signs a request whose body, as sent, is body.
func Sign(r *http.Request, key ed25519.PrivateKey, at time.Time, body []byte) {
	now := strconv.FormatInt(at.Unix(), 10)
	signature := ed25519.Sign(key, message(r.Method, r.URL.Path, now, body))
	r.Header.Set(AgentHeader, AgentID(key.Public().(ed25519.PublicKey)))
	r.Header.Set(TimeHeader, now)
	r.Header.Set(SignatureHeader, base64.StdEncoding.EncodeToString(signature))
}

// Errors of Verify.
var (
	ErrUnsigned  = errors.New("the request is not signed, or its signature is wrong")
	ErrClockSkew = fmt.Errorf("the request's time differs by more than %s from the sink's", MaxClockSkew)
)

// Verify checks the signature and the time of a request.
func Verify(r *http.Request, key ed25519.PublicKey, now time.Time, body []byte) error {
	at := r.Header.Get(TimeHeader)
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || seconds < 0 {
		return ErrUnsigned
	}
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get(SignatureHeader))
	if err != nil || len(key) != ed25519.PublicKeySize ||
		!ed25519.Verify(key, message(r.Method, r.URL.Path, at, body), signature) {
		return ErrUnsigned
	}
	if skew := now.Unix() - seconds; skew > int64(MaxClockSkew/time.Second) || -skew > int64(MaxClockSkew/time.Second) {
		return ErrClockSkew
	}
	return nil
}
