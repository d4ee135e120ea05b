package message

import "github.com/weirmedia/weir/pkg/amf0"

// Connect is the command object of connect (section 7.2.1.1): what a client
// says about itself and about what it wants. Strings are empty and numbers 0
// if the client did not send them.
type Connect struct {
	// App is the application, the first part of the URL's path. Some clients
	// leave the URL's query or a slash at its end.
	App string
	// TCURL is the URL the client was given, without the stream's own name.
	TCURL    string
	FlashVer string
	SWFURL   string
	PageURL  string
	// Type is "nonprivate" from most encoders; players leave it out.
	Type string
	// Capabilities, AudioCodecs, VideoCodecs and VideoFunction are bit sets
	// (tables in section 7.2.1.1). Servers have no use for them.
	Capabilities, AudioCodecs, VideoCodecs, VideoFunction float64
	// ObjectEncoding is 0 for AMF0, 3 for AMF3.
	ObjectEncoding float64
	// More holds all other properties in the client's order.
	More amf0.Object
}

// ParseConnect reads the command object of a connect command. Values of an
// unexpected type count as not sent, but not App, without which the stream
// would get a wrong name. The error has reason.BadMessage.
func ParseConnect(c Command) (Connect, error) {
	if c.Name != NameConnect {
		return Connect{}, bad("command %q where connect is expected", c.Name)
	}
	o, ok := amf0.AsObject(c.Object)
	if !ok {
		return Connect{}, bad("connect: the command object is %s", describe(c.Object))
	}
	if app, sent := o.Get("app"); sent {
		if _, ok := app.(string); !ok {
			return Connect{}, bad("connect: app is %s", describe(app))
		}
	}
	var info Connect
	strings, numbers := info.fields()
	for _, f := range strings {
		*f.value = o.String(f.name)
	}
	for _, f := range numbers {
		*f.value = o.Number(f.name)
	}
	for _, p := range o {
		if !isField(strings, p.Name) && !isField(numbers, p.Name) {
			info.More = append(info.More, p)
		}
	}
	return info, nil
}

// Command returns the connect command with transaction id 1, which it always
// has (section 7.2.1.1). Strings that are empty and numbers that are 0 are
// left out, but not app and tcUrl.
func (info Connect) Command() Command {
	var o amf0.Object
	strings, numbers := info.fields()
	for _, f := range strings {
		if *f.value != "" || f.name == "app" || f.name == "tcUrl" {
			o = append(o, amf0.Property{Name: f.name, Value: *f.value})
		}
	}
	for _, f := range numbers {
		if *f.value != 0 {
			o = append(o, amf0.Property{Name: f.name, Value: *f.value})
		}
	}
	return Command{Name: NameConnect, TransactionID: 1, Object: append(o, info.More...)}
}

// ConnectResult returns the answer to a connect that is accepted. properties
// describe the server (fmsVer, capabilities).
func ConnectResult(transactionID float64, properties amf0.Object, objectEncoding float64) Command {
	return Result(transactionID, properties, Status{
		Level:       LevelStatus,
		Code:        CodeConnectSuccess,
		Description: "Connection succeeded.",
		More:        amf0.Object{{Name: "objectEncoding", Value: objectEncoding}},
	}.Object())
}

type field[T any] struct {
	name  string
	value *T
}

// fields pairs the properties' names with info's fields, in the order in which
// clients send them.
func (info *Connect) fields() ([]field[string], []field[float64]) {
	return []field[string]{
			{"app", &info.App},
			{"type", &info.Type},
			{"flashVer", &info.FlashVer},
			{"swfUrl", &info.SWFURL},
			{"tcUrl", &info.TCURL},
			{"pageUrl", &info.PageURL},
		}, []field[float64]{
			{"capabilities", &info.Capabilities},
			{"audioCodecs", &info.AudioCodecs},
			{"videoCodecs", &info.VideoCodecs},
			{"videoFunction", &info.VideoFunction},
			{"objectEncoding", &info.ObjectEncoding},
		}
}

func isField[T any](fields []field[T], name string) bool {
	for _, f := range fields {
		if f.name == name {
			return true
		}
	}
	return false
}
