package dashboards

func findings() Dashboard {
	return kmsDashboard(findingsUID, "KMS findings", "", "now-7d", accountAndRegion(), nil, nil)
}
