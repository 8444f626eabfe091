package dashboards

func principal() Dashboard {
	return kmsDashboard(principalUID, "KMS principal", "", "now-7d", accountAndRegion(), nil, nil)
}
