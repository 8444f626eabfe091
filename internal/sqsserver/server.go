package sqsserver

import (
	"crypto/md5" //nolint:gosec // the protocol has it, as a checksum
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"
)

// Server is a queue that listens.
type Server struct {
	// Second is how long a second of a visibility timeout or of a long poll takes;
	// 0 is a second.
	Second time.Duration
	// Fail, if not nil, is asked before each call, and its answer is an error code
	// to fail with; "" is none.
	Fail func(action string) string

	http *httptest.Server

	mu       sync.Mutex
	messages []*message
	changed  chan struct{} // closed when there is something new
	sent     int
	counts   Counts
}

// Counts are the calls so far, and what they did.
type Counts struct {
	Receives, Deletes, Changes int
	// Messages is how many were received, those that came again included.
	Messages int
}

type message struct {
	id, body  string
	sent      time.Time
	receives  int
	receipt   string
	hiddenFor time.Time
}

// Start listens on loopback. The caller closes the server.
func Start() *Server {
	s := &Server{changed: make(chan struct{})}
	s.http = httptest.NewServer(s)
	return s
}

// Close ends the server, and the long polls at work.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// URL is that of the queue, as clients are given it.
func (s *Server) URL() string { return s.http.URL + "/111122223333/kmstrail" }

// Send puts a message into the queue and returns its id.
func (s *Server) Send(body string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	m := &message{id: fmt.Sprintf("00000000-0000-4000-8000-%012d", s.sent), body: body, sent: time.Now()}
	s.messages = append(s.messages, m)
	s.wake()
	return m.id
}

// wake tells those who wait for messages. The caller holds s.mu.
func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Len is how many messages there are, hidden ones included.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.messages)
}

// Counts returns what was done so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Receives returns how often a message was received that is still there; 0 when
// it is not.
func (s *Server) Receives(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		if m.id == id {
			return m.receives
		}
	}
	return 0
}

func (s *Server) second() time.Duration {
	if s.Second > 0 {
		return s.Second
	}
	return time.Second
}

// request has the members of all requests.
type request struct {
	MaxNumberOfMessages, WaitTimeSeconds int
	VisibilityTimeout                    int
	Entries                              []entry
}

type entry struct {
	ID                string `json:"Id"`
	ReceiptHandle     string
	VisibilityTimeout int
}

type received struct {
	MessageID     string `json:"MessageId"`
	ReceiptHandle string
	Body          string
	MD5OfBody     string
	Attributes    map[string]string
}

type done struct {
	ID string `json:"Id"`
}

type failed struct {
	ID          string `json:"Id"`
	Code        string
	SenderFault bool
}

// ServeHTTP answers a call of the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	action := r.Header.Get("X-Amz-Target")
	var in request
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"__type": "com.amazonaws.sqs#InvalidAddress", "message": err.Error()})
		return
	}
	if s.Fail != nil {
		if code := s.Fail(action); code != "" {
			answer(w, http.StatusBadRequest, map[string]string{"__type": "com.amazonaws.sqs#" + code, "message": "said the test"})
			return
		}
	}
	switch action {
	case "AmazonSQS.ReceiveMessage":
		answer(w, http.StatusOK, map[string]any{"Messages": s.receive(r, in)})
	case "AmazonSQS.DeleteMessageBatch":
		answer(w, http.StatusOK, s.each(in.Entries, s.remove))
	case "AmazonSQS.ChangeMessageVisibilityBatch":
		answer(w, http.StatusOK, s.each(in.Entries, s.change))
	default:
		answer(w, http.StatusBadRequest, map[string]string{"__type": "com.amazonaws.sqs#UnsupportedOperation", "message": action})
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}

// receive waits for messages as long as the request allows.
func (s *Server) receive(r *http.Request, in request) []received {
	s.mu.Lock()
	s.counts.Receives++
	s.mu.Unlock()
	end := time.Now().Add(time.Duration(in.WaitTimeSeconds) * s.second())
	for {
		out, next, changed := s.take(in)
		left := time.Until(end)
		if len(out) > 0 || left <= 0 {
			return out
		}
		timer := time.NewTimer(min(left, next))
		select {
		case <-timer.C:
		case <-changed:
		case <-r.Context().Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// take takes messages that can be seen. Next is when another one can.
func (s *Server) take(in request) (out []received, next time.Duration, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	next = time.Hour
	for _, m := range s.messages {
		if wait := m.hiddenFor.Sub(now); wait > 0 {
			next = min(next, wait)
			continue
		}
		if len(out) == min(max(in.MaxNumberOfMessages, 1), 10) {
			break
		}
		m.receives++
		m.receipt = fmt.Sprintf("%s#%d", m.id, m.receives)
		m.hiddenFor = now.Add(time.Duration(in.VisibilityTimeout) * s.second())
		sum := md5.Sum([]byte(m.body)) //nolint:gosec // a checksum
		out = append(out, received{
			MessageID: m.id, ReceiptHandle: m.receipt, Body: m.body, MD5OfBody: hex.EncodeToString(sum[:]),
			Attributes: map[string]string{
				"SentTimestamp":           strconv.FormatInt(m.sent.UnixMilli(), 10),
				"ApproximateReceiveCount": strconv.Itoa(m.receives),
			},
		})
	}
	s.counts.Messages += len(out)
	return out, next, s.changed
}

// each does something to the message of each entry; "" is success.
func (s *Server) each(entries []entry, do func(i int, e entry) string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	good, bad := []done{}, []failed{}
	for _, e := range entries {
		at := -1
		for i, m := range s.messages {
			if m.receipt == e.ReceiptHandle {
				at = i
			}
		}
		if code := do(at, e); code != "" {
			bad = append(bad, failed{ID: e.ID, Code: code, SenderFault: true})
			continue
		}
		good = append(good, done{e.ID})
	}
	return map[string]any{"Successful": good, "Failed": bad}
}

// remove deletes a message. That there is none, or that it came again since, is
// no error, as with SQS.
func (s *Server) remove(i int, _ entry) string {
	s.counts.Deletes++
	if i >= 0 {
		s.messages = append(s.messages[:i], s.messages[i+1:]...)
	}
	return ""
}

func (s *Server) change(i int, e entry) string {
	s.counts.Changes++
	if i < 0 || !s.messages[i].hiddenFor.After(time.Now()) {
		return "MessageNotInflight"
	}
	s.messages[i].hiddenFor = time.Now().Add(time.Duration(e.VisibilityTimeout) * s.second())
	s.wake()
	return ""
}
