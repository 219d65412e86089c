package wire

import (
	"strings"

	"lifeboat/internal/diag"
)

// maxUserID is the longest user id, in characters: the limit of all SDKs.
const maxUserID = 256

// DecodeEvent decodes a log that is neither an error nor an attachment. Members that cannot be read are left
// out.
func DecodeEvent(l diag.Log) diag.Event {
	e := diag.Event{Log: l}
	d := newDecoder(l.Raw)
	var typed []diag.Property
	for name := range d.members() {
		switch name {
		case "device":
			e.Device = d.device()
		case "userId":
			e.UserID = shorten(d.text(), maxUserID)
		case "name":
			e.Name = d.text()
		case "properties":
			e.Properties = d.properties()
		case "typedProperties":
			typed = d.properties()
		case "services":
			e.Services = d.texts()
		case "pushToken":
			e.PushToken = d.text()
		case "distributionGroupId":
			e.DistributionGroupID = d.text()
		case "dataResidencyRegion":
			e.DataResidencyRegion = d.text()
		case "isTestMessage":
			e.TestMessage, _ = d.boolean()
		default:
			d.skip()
		}
	}
	if len(typed) > 0 {
		e.Properties = typed // they replace the untyped ones
	}
	return e
}

// texts reads an array of texts.
func (d *decoder) texts() []string {
	var list []string
	for range d.elements() {
		if s := d.text(); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// shorten is s without what lies behind its first n characters.
func shorten(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return strings.Clone(s[:i])
		}
	}
	return s
}
