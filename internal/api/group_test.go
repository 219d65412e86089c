package api_test

import (
	"testing"
)

func TestSmoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.send(spec{n: 1}.log(), spec{n: 2}.log(), event(1, today.Add(-24*60*60*1e9)))
	a := w.call("GET", "~/errors/errorGroups")
	t.Log(a.body)
	l := w.groups("")
	t.Log(w.call("GET", "~/errors/errorGroups/"+l.ErrorGroups[0].ID+"/errors").body)
	t.Log(w.call("GET", "~/errors/errorGroups/"+l.ErrorGroups[0].ID).body)
	t.Log(w.call("GET", "~/errors/errorGroups/"+l.ErrorGroups[0].ID+"/errors/"+crashID(1)).body)
	t.Log(w.call("GET", "~/errors/errorGroups/"+l.ErrorGroups[0].ID+"/errors/"+crashID(1)+"/download").body)
	t.Log(w.call("GET", "/v0.1/apps").body)
	t.Log(w.logs.String())
}
