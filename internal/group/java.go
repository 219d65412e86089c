package group

import "strings"

// javaGenerated reports whether a frame only leads from one method to another: classes of lambdas, accessors
// of private members, proxies. Debug and release builds, and compilers of different years, have different ones.
func javaGenerated(class, method string) bool {
	if strings.HasPrefix(method, "access$") || strings.HasPrefix(method, "-$$Nest$") ||
		strings.HasPrefix(method, "$r8$lambda$") || strings.HasSuffix(method, "$default") {
		return true
	}
	i := strings.Index(class, "$$")
	if i < 0 {
		return strings.Contains(class, "$Proxy")
	}
	return javaMark(class[i+2:])
}

// javaMark reports whether what stands behind $$ is made by a compiler or a library of proxies.
func javaMark(s string) bool {
	return hasAnyPrefix(s, "Lambda", "ExternalSynthetic", "InternalSynthetic", "FastClassBy", "EnhancerBy", "SpringCGLIB", "_javassist")
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// javaName is a method without what compilers count and generate. Kotlin's coroutines and lambdas that are
// classes get the name of the function they were written in.
func javaName(class, method string) (string, string) {
	if strings.IndexByte(class, '$') >= 0 || strings.IndexByte(class, '/') >= 0 {
		counted := numbered(class)
		class = javaClass(class)
		if i := strings.LastIndexByte(class, '$'); counted && i > 0 && i+1 < len(class) {
			switch method {
			case "invokeSuspend":
				return class[:i], class[i+1:]
			case "invoke":
				return class[:i], class[i+1:] + "$lambda"
			}
		}
	}
	return class, javaMethod(method)
}

// numbered reports whether a class ends in $ and digits: it has no name of its own.
func numbered(class string) bool {
	i := strings.LastIndexByte(class, '$')
	return i >= 0 && i+1 < len(class) && digits(class[i+1:]) == len(class)-i-1
}

// digits is how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n]-'0' <= 9 {
		n++
	}
	return n
}

// javaClass drops the counters of anonymous and local classes and the marks of generated ones:
//
//	com.acme.Cart$1, com.acme.Cart$Item$2                      com.acme.Cart, com.acme.Cart$Item
//	com.acme.Cart$$Lambda$12/0x00a, Cart$$ExternalSynthetic…   com.acme.Cart
//	com.acme.-$$Lambda$Cart$Ab3dEf                             com.acme.Cart
//	com.acme.Cart$$EnhancerByCGLIB$$1a2b, Cart$MockitoMock$7   com.acme.Cart
//	jdk.proxy2.$Proxy12                                        jdk.proxy2.$Proxy
func javaClass(class string) string {
	class, _, _ = strings.Cut(class, "/")
	dot := strings.LastIndexByte(class, '.')
	simple := class[dot+1:]
	if strings.HasPrefix(simple, "$Proxy") {
		return class[:dot+1] + "$Proxy"
	}
	if rest, ok := strings.CutPrefix(simple, "-$$Lambda$"); ok {
		simple, _, _ = strings.Cut(rest, "$")
	}
	if i := strings.Index(simple, "$$"); i > 0 && javaMark(simple[i+2:]) {
		simple = strings.TrimRight(simple[:i], "_")
	}
	for _, mark := range [...]string{"$MockitoMock$", "$ByteBuddy$", "$HibernateProxy$"} {
		simple, _, _ = strings.Cut(simple, mark)
	}
	if strings.IndexByte(simple, '$') < 0 {
		return class[:dot+1] + simple
	}
	b := append(make([]byte, 0, len(class)), class[:dot+1]...)
	for part := range strings.SplitSeq(simple, "$") {
		if part = part[digits(part):]; part == "" {
			continue
		}
		if len(b) > dot+1 {
			b = append(b, '$')
		}
		b = append(b, part...)
	}
	return string(b)
}

// javaMethod drops counters:
//
//	lambda$onClick$3, lambda$onClick$0$com-acme-Main   lambda$onClick
//	onClick$lambda$3, onClick$lambda-3                 onClick$lambda
//	access$000, -$$Nest$mrun, $r8$lambda$x7Yz          access, -$$Nest, $r8$lambda
//	total-IoAF18A                                      total
func javaMethod(method string) string {
	if rest, ok := strings.CutPrefix(method, "lambda$"); ok {
		name, _, _ := strings.Cut(rest, "$")
		if name == "" || digits(name) == len(name) {
			return "lambda"
		}
		return method[:len("lambda$")+len(name)]
	}
	for _, prefix := range [...]string{"access$", "-$$Nest$", "$r8$lambda$"} {
		if strings.HasPrefix(method, prefix) {
			return prefix[:len(prefix)-1]
		}
	}
	if i := strings.Index(method, "$lambda"); i > 0 {
		return method[:i+len("$lambda")]
	}
	if i := strings.LastIndexByte(method, '-'); i > 0 && len(method)-i == 8 {
		method = method[:i] // Kotlin: hash of inline classes among the parameters
	}
	if i := strings.LastIndexByte(method, '$'); i > 0 && digits(method[i+1:]) == len(method)-i-1 {
		method = method[:i]
	}
	return method
}
