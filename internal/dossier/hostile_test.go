package dossier_test

import (
	"reflect"
	"time"

	"github.com/kmstrail/kmstrail/internal/dossier"
	"github.com/kmstrail/kmstrail/internal/report"
)

// hostilePages have hostile text in every string that a page holds, and more
// rows in every list than are shown.
func hostilePages() map[string]page {
	key, principal, resource := new(dossier.KeyPage), new(dossier.PrincipalPage), new(dossier.ResourcePage)
	for _, p := range []any{key, principal, resource} {
		stuff(reflect.ValueOf(p).Elem())
	}
	return map[string]page{"key": key, "principal": principal, "resource": resource}
}

// stuff fills a value and all that it holds.
func stuff(v reflect.Value) {
	switch {
	case !v.CanSet():
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(day(5)))
	case v.Type() == reflect.TypeFor[report.DayOutcomes](): // its text is ours
		v.Set(reflect.ValueOf(report.DayOutcomes{Day: "2026-01-05", Outcomes: report.Outcomes{OK: 123_456, Failed: 12}}))
	case v.Kind() == reflect.String:
		v.SetString(hostile())
	case v.CanInt():
		v.SetInt(1_234_567)
	case v.CanFloat():
		v.SetFloat(0.5)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		stuff(v.Elem())
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 15, 15))
		for i := range v.Len() {
			stuff(v.Index(i))
		}
	case v.Kind() == reflect.Map:
		entry := reflect.New(v.Type().Elem()).Elem()
		stuff(entry)
		name := reflect.New(v.Type().Key()).Elem()
		stuff(name)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(name, entry)
	case v.Kind() == reflect.Interface:
		v.Set(reflect.ValueOf(hostile()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			stuff(v.Field(i))
		}
	}
}
