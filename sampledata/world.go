package sampledata

import (
	"github.com/kmstrail/kmstrail/internal/cttest"
)

// account is one of the organisation's accounts.
type account struct {
	id, name string
	weight   float64
	bursts   []weighted // what goes on there
}

// weighted is a kind of activity and how often it is chosen.
type weighted struct {
	weight int
	run    func(*cell)
}

// The organisation. Outside are vendor (999999999999) and partner
// (000000000000), whose trails are not in the bucket.
const (
	management = "111111111111"
	payments   = "111122223333"
	paymentsQA = "444455556666"
	logArchive = "123456789012"
	dataPlat   = "777788889999"
	security   = "555555555555"
	webProd    = "222222222222"
	webDev     = "333333333333"
	analytics  = "444444444444"
	sandbox    = "666666666666"
	shared     = "777777777777"
	backup     = "888888888888"

	vendor  = "999999999999"
	partner = "000000000000"

	organization = "o-exampleorgid"
)

func accounts() []account {
	prod := []weighted{
		{30, (*cell).application}, {22, (*cell).monitoring}, {12, (*cell).objects}, {8, (*cell).function},
		{8, (*cell).direct}, {6, (*cell).tables}, {5, (*cell).instance}, {5, (*cell).console}, {4, (*cell).pipeline},
	}
	dev := []weighted{
		{14, (*cell).application}, {24, (*cell).monitoring}, {8, (*cell).objects}, {8, (*cell).function},
		{6, (*cell).direct}, {18, (*cell).console}, {14, (*cell).pipeline}, {4, (*cell).instance},
	}
	office := []weighted{{50, (*cell).monitoring}, {20, (*cell).console}, {20, (*cell).pipeline}, {4, (*cell).function}}
	return []account{
		{management, "management", 0.5, office},
		{payments, "payments-prod", 2.6, prod},
		{paymentsQA, "payments-qa", 0.8, dev},
		{logArchive, "log-archive", 0.7, []weighted{{30, (*cell).trailDelivery}, {50, (*cell).monitoring}, {5, (*cell).console}}},
		{dataPlat, "data-platform", 1.6, prod},
		{security, "security-tooling", 0.6, office},
		{webProd, "web-prod", 1.8, prod},
		{webDev, "web-dev", 0.7, dev},
		{analytics, "analytics", 0.9, prod},
		{sandbox, "sandbox", 0.5, dev},
		{shared, "shared-services", 0.8, prod},
		{backup, "backup", 0.5, []weighted{{40, (*cell).monitoring}, {15, (*cell).snapshots}, {10, (*cell).objects}, {3, (*cell).console}}},
	}
}

type region struct {
	name   string
	weight float64
}

func regions() []region {
	return []region{{"us-east-1", 2.0}, {"eu-west-1", 1.0}, {"us-west-2", 0.6}, {"eu-central-1", 0.4}}
}

// family is the keys of an account in a region.
type family struct {
	app, data, objects, volumes, trail string // customer managed
	secrets, parameters                string // AWS managed
	rsa, ecc, mac                      string
}

func keysOf(account, region string) family {
	key := func(name string) string { return cttest.KeyARN(account, region, account+region+name) }
	return family{
		app: key("app"), data: key("data"), objects: key("objects"), volumes: key("volumes"), trail: key("trail"),
		secrets: key("aws/secretsmanager"), parameters: key("aws/ssm"),
		rsa: key("rsa"), ecc: key("ecc"), mac: key("mac"),
	}
}

// plantedKey is a key of an incident or near-miss.
func plantedKey(account, region, name string) string {
	return cttest.KeyARN(account, region, "planted "+name)
}
