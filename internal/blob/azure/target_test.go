package azure_test

import (
	"strings"
	"testing"

	"lifeboat/internal/blob/azure"
	"lifeboat/internal/diag"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const key = "c2VjcmV0LWtleQ=="
	for _, c := range []struct{ source, container, want, account string }{
		{"AccountName=acme;AccountKey=" + key, "", "https://acme.blob.core.windows.net/archive", "acme"},
		{"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=" + key + ";EndpointSuffix=core.windows.net", "", "https://acme.blob.core.windows.net/archive", "acme"},
		{"DefaultEndpointsProtocol=http;AccountName=acme;AccountKey=" + key + ";EndpointSuffix=core.chinacloudapi.cn;", "", "http://acme.blob.core.chinacloudapi.cn/archive", "acme"},
		{" accountname=acme ; ACCOUNTKEY=" + key + "\n", "other", "https://acme.blob.core.windows.net/other", "acme"},
		{"BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature=sv=2020&sig=abc", "", "https://acme.blob.core.windows.net/archive", "acme"},
		{"AccountName=acme;SharedAccessSignature=?sv=2020&sig=abc", "", "https://acme.blob.core.windows.net/archive", "acme"},
		{"AccountName=a;AccountKey=" + key + ";BlobEndpoint=http://127.0.0.1:1234/a", "", "http://127.0.0.1:1234/a/archive", "a"},
		{"UseDevelopmentStorage=true", "", "http://127.0.0.1:10000/devstoreaccount1/archive", "devstoreaccount1"},
		{"UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite", "", "http://azurite:10000/devstoreaccount1/archive", "devstoreaccount1"},
		{"https://acme.blob.core.windows.net/?sv=2020&sig=abc", "", "https://acme.blob.core.windows.net/archive", "acme"},
		{"https://acme.blob.core.windows.net/mine?sv=2020&sig=abc", "", "https://acme.blob.core.windows.net/mine", "acme"},
		{"https://acme.blob.core.windows.net/mine?sv=2020&sig=abc", "other", "https://acme.blob.core.windows.net/other", "acme"},
		{"https://acme.blob.core.windows.net/public", "", "https://acme.blob.core.windows.net/public", "acme"},
		{"http://127.0.0.1:10000/devstoreaccount1?sv=2020&sig=abc", "", "http://127.0.0.1:10000/devstoreaccount1/archive", "devstoreaccount1"},
		{"http://127.0.0.1:10000/devstoreaccount1/mine?sv=2020&sig=abc", "", "http://127.0.0.1:10000/devstoreaccount1/mine", "devstoreaccount1"},
		{"http://localhost:10000/devstoreaccount1/mine/", "", "http://localhost:10000/devstoreaccount1/mine", "devstoreaccount1"},
		{"http://azurite.test:10000/devstoreaccount1/mine", "", "http://azurite.test:10000/devstoreaccount1/mine", "devstoreaccount1"},
		{"HTTPS://acme.blob.core.windows.net/mine", "", "https://acme.blob.core.windows.net/mine", "acme"},
	} {
		got, err := azure.Parse(c.source, c.container)
		if err != nil {
			t.Errorf("%q: %v", c.source, err)
			continue
		}
		if got.String() != c.want || got.Account != c.account {
			t.Errorf("%q: %s of %s, want %s of %s", c.source, got, got.Account, c.want, c.account)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"", ";;", "nonsense", "AccountName=acme", "AccountKey=c2VjcmV0", "AccountName=acme;AccountKey=SECRET-not-base64!", "AccountName=evil.example/;AccountKey=c2VjcmV0",
		"AccountName=acme;SharedAccessSignature=sv=SECRET", "BlobEndpoint=ftp://x;SharedAccessSignature=sig=SECRET", "BlobEndpoint=https://u:SECRET@x;SharedAccessSignature=sig=1",
		"https://acme.blob.core.windows.net/a/b/c?sig=SECRET", "https://acme.blob.core.windows.net/UPPER?sig=SECRET", "https://", "https://x#SECRET",
		"BlobEndpoint=https://%zz;SharedAccessSignature=sig=SECRET",
	} {
		_, err := azure.Parse(source, "")
		if diag.KindOf(err) != diag.Invalid {
			t.Errorf("%q: %v", source, err)
			continue
		}
		if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("the message repeats a secret: %v", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AccountName=acme;AccountKey=c2VjcmV0LWtleQ==")
	f.Add("https://acme.blob.core.windows.net/mine?sv=2020&sig=abc")
	f.Add("UseDevelopmentStorage=true")
	f.Fuzz(func(t *testing.T, source string) {
		target, err := azure.Parse(source, "")
		if err != nil {
			if diag.KindOf(err) != diag.Invalid {
				t.Fatal(err)
			}
			return
		}
		if b, err := azure.Open(azure.Config{ConnectionString: source}); err == nil && b.String() != target.String() {
			t.Errorf("%s is not %s", b, target)
		}
	})
}
