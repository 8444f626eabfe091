package s3server

import (
	"crypto/subtle"
	"encoding/xml"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// apiError is an error answer of S3.
type apiError struct {
	XMLName xml.Name `xml:"Error"`
	Status  int      `xml:"-"`
	Code    string
	Message string
	Region  string `xml:",omitempty"`
}

func (s *Server) writeError(w http.ResponseWriter, r *http.Request, e apiError) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("x-amz-request-id", "EXAMPLEREQUEST01")
	w.Header().Set("x-amz-bucket-region", s.cfg.Region)
	w.WriteHeader(e.Status)
	if r.Method == http.MethodHead {
		return
	}
	body, err := xml.Marshal(e)
	if err != nil {
		return
	}
	_, _ = w.Write(append([]byte(xml.Header), body...)) // the client may be gone
}

// authenticate checks the signature of a request.
func (s *Server) authenticate(r *http.Request) (apiError, bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		if s.cfg.AllowUnsigned {
			return apiError{}, true
		}
		return apiError{Status: http.StatusForbidden, Code: "AccessDenied", Message: "Access Denied"}, false
	}
	sig, ok := parseAuthorization(header)
	if !ok {
		return apiError{
			Status: http.StatusBadRequest, Code: "AuthorizationHeaderMalformed",
			Message: "The authorization header is malformed.",
		}, false
	}
	if sig.accessKey != s.cfg.AccessKey {
		return apiError{
			Status: http.StatusForbidden, Code: "InvalidAccessKeyId",
			Message: "The AWS Access Key Id you provided does not exist in our records.",
		}, false
	}
	if sig.region != s.cfg.Region {
		return apiError{
			Status: http.StatusBadRequest, Code: "AuthorizationHeaderMalformed", Region: s.cfg.Region,
			Message: "The authorization header is malformed; the region '" + sig.region + "' is wrong; expecting '" + s.cfg.Region + "'",
		}, false
	}
	if !s.signatureHolds(r, sig) {
		return apiError{
			Status: http.StatusForbidden, Code: "SignatureDoesNotMatch",
			Message: "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
		}, false
	}
	return apiError{}, true
}

type authorization struct {
	accessKey, region, signature string
	signedHeaders                []string
}

// parseAuthorization reads the header
//
//	AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/s3/aws4_request, SignedHeaders=a;b, Signature=…
func parseAuthorization(header string) (authorization, bool) {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	if !ok {
		return authorization{}, false
	}
	var a authorization
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 {
				return authorization{}, false
			}
			a.accessKey, a.region = scope[0], scope[2]
		case "SignedHeaders":
			a.signedHeaders = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	return a, a.accessKey != "" && a.signature != ""
}

// signatureHolds signs the request again and compares.
func (s *Server) signatureHolds(r *http.Request, a authorization) bool {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	again := r.Clone(r.Context())
	again.Header = make(http.Header)
	for _, name := range a.signedHeaders {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	again.URL.Host = r.Host
	again.URL.Scheme = "http"
	creds := aws.Credentials{
		AccessKeyID: s.cfg.AccessKey, SecretAccessKey: s.cfg.SecretKey,
		SessionToken: r.Header.Get("X-Amz-Security-Token"),
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	err = signer.SignHTTP(r.Context(), creds, again, r.Header.Get("X-Amz-Content-Sha256"), "s3", s.cfg.Region, at)
	if err != nil {
		return false
	}
	want, ok := parseAuthorization(again.Header.Get("Authorization"))
	return ok && subtle.ConstantTimeCompare([]byte(want.signature), []byte(a.signature)) == 1
}

// splitPath splits /bucket/key.
func splitPath(r *http.Request) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return bucket, key
}
