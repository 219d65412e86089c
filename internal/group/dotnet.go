package group

import "strings"

// dotnetName is a method without what compilers generate. Asynchronous methods and iterators get their own
// names back, lambdas and local functions those of the methods they stand in:
//
//	Acme.Page+<Run>d__7          MoveNext        Acme.Page   Run
//	Acme.Cache                   <Open>b__2_0    Acme.Cache  Open.lambda
//	Acme.Cache+<>c__DisplayClass4_0  <Open>b__1  Acme.Cache  Open.lambda
//	Acme.Cache                   <Open>g__Try|3_0  Acme.Cache  Open.Try
//	Acme.List`1[System.String]   Add[T]          Acme.List   Add
//	Acme.Basket.total@12-1       Invoke          Acme.Basket total       (F#)
func dotnetName(class, method string) (string, string) {
	if !strings.ContainsAny(class, "<`[+@$") && !strings.ContainsAny(method, "<[@$") {
		return class, lastName(method)
	}
	class, machine := dotnetClass(class)
	switch method {
	case "MoveNext", "Invoke", "InvokeSuspend":
		if machine != "" {
			return class, machine
		}
	}
	return class, dotnetMethod(method)
}

// lastName takes the interface off an explicit implementation: "System.IDisposable.Dispose".
func lastName(method string) string {
	if i := strings.LastIndexByte(method, '.'); i > 0 {
		return method[i+1:]
	}
	return method
}

// dotnetClass cleans the parts of a class's name. machine is the method that a generated class stands for.
func dotnetClass(class string) (clean, machine string) {
	b := make([]byte, 0, len(class))
	for start := 0; start < len(class); {
		end := partEnd(class, start)
		name, generated := dotnetPart(class[start:end])
		switch {
		case generated && name != "":
			machine = name
		case !generated:
			if len(b) > 0 {
				b = append(b, '.')
			}
			b = append(b, name...)
		}
		start = end + 1
	}
	return string(b), machine
}

// partEnd finds the next dot or plus outside of brackets.
func partEnd(s string, i int) int {
	level := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '<', '[':
			level++
		case '>', ']':
			level--
		case '.', '+':
			if level <= 0 {
				return i
			}
		}
	}
	return i
}

// dotnetPart cleans one part of a class's name; generated means that a compiler made the class.
func dotnetPart(s string) (name string, generated bool) {
	switch {
	case strings.HasPrefix(s, "<>f__"):
		return "<>f", false // an anonymous type
	case strings.HasPrefix(s, "<"):
		return compilerName(s), true
	case strings.HasPrefix(s, "_Closure$__"):
		return "", true
	case strings.HasPrefix(s, "VB$StateMachine_"):
		rest := s[len("VB$StateMachine_"):]
		return strings.TrimPrefix(rest[digits(rest):], "_"), true
	}
	if i := strings.IndexAny(s, "`[<"); i > 0 {
		s = s[:i]
	}
	if i := strings.IndexByte(s, '@'); i > 0 {
		return s[:i], true
	}
	return s, false
}

func dotnetMethod(method string) string {
	switch {
	case strings.HasPrefix(method, "<"):
		return compilerName(method)
	case strings.HasPrefix(method, "_Lambda$__"):
		return "lambda"
	}
	if i := strings.IndexAny(method, "[@"); i > 0 {
		method = method[:i]
	}
	return lastName(method)
}

// compilerName reads the names that C# gives to what has none: the method in the innermost brackets, then a
// letter for the kind.
//
//	<Run>d__7, <<Run>b__0>d, <Open>g__Try|3_0, <Main>$, <<Main>$>d__0, <>c__DisplayClass4_0
func compilerName(s string) string {
	s = strings.TrimLeft(s, "<")
	name, rest, _ := strings.Cut(s, ">")
	if name == "" {
		return ""
	}
	rest = strings.TrimPrefix(rest, "$>")
	kind, rest, _ := strings.Cut(rest, "__")
	switch kind {
	case "b", "m":
		return name + ".lambda"
	case "g":
		local, _, _ := strings.Cut(rest, "|")
		return name + "." + local
	}
	return name
}
